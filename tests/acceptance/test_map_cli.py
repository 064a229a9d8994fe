"""`tillbridge init` and `tillbridge map check`, as a person at a terminal meets them."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tillbridge.cli.init import PRESETS, init_command
from tillbridge.cli.map import map_group
from tillbridge.kernel.errors import BadInput
from tillbridge.stack.load import load

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "stack.toml"


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test stands in an empty folder, with no map named in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TILLBRIDGE_STACK", raising=False)


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(map_group, ["check", *map(str, arguments)])


def init(*arguments: str) -> Result:
    return CliRunner().invoke(init_command, arguments)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_starter_is_written_and_can_run(preset: str) -> None:
    result = init("shop", "--preset", preset)
    assert result.exit_code == 0
    assert "Next:" in result.stdout
    assert f"tillbridge map check {Path('shop', 'stack.toml')}" in result.stdout
    stack = load(Path("shop/stack.toml"), {})
    assert set(stack.systems) == {"registers", "platform", "processor", "erp", "web"}
    assert "web" in {hop.target for hop in stack.deliveries()}
    checked = check("shop/stack.toml")
    assert (checked.exit_code, checked.stderr) == (0, "")


def test_the_starters_are_a_star_and_a_chain() -> None:
    init("star")
    init("chain", "--preset", "chain")
    assert {hop.source for hop in load(Path("star/stack.toml"), {}).deliveries()} == {"platform"}
    chain = load(Path("chain/stack.toml"), {})
    assert [hop.name for hop in chain.deliveries()] == ["platform-processor", "processor-erp", "erp-web"]


def test_a_map_that_is_there_is_kept() -> None:
    Path("stack.toml").write_text("mine", "utf-8")
    result = init()
    assert result.exit_code == 2
    assert "stack.toml is there already. Add --force" in result.stderr
    assert Path("stack.toml").read_text("utf-8") == "mine"


def test_force_writes_over_it() -> None:
    Path("stack.toml").write_text("mine", "utf-8")
    assert init("--force").exit_code == 0
    assert load(Path("stack.toml"), {}).authority == "platform"


def test_a_folder_that_cannot_be_is_refused() -> None:
    Path("file").write_text("", "utf-8")
    result = init("file/shop")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_check_says_what_the_map_is() -> None:
    result = check(SAMPLE)
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    assert "Harbor & Pine · US · USD · Etc/GMT+5" in words
    assert "The truth about balances is platform" in words
    for row in (
        "web storefront csv USD · paid, refund, goodwill · 0.01 to 500.00 USD",
        "registers platform at once within 2 s waits resolve-customer",
        "processor erp daily 02:00 within 26 h – –",
        "erp web every 12 h within 13 h – route-bucket, convert-currency",
        "the register waits for registers-platform (within 2 s).",
        "5 systems, 4 hops.",
    ):
        assert row in words
    places = [words.index(f"{hop} within") for hop in ("platform at once", "processor at once", "erp daily 02:00")]
    assert places == sorted(places)


def test_check_reads_the_map_of_this_folder() -> None:
    init()
    result = check()
    assert result.exit_code == 0
    assert result.stdout.endswith("stack.toml can run: 5 systems, 4 hops.\n")


def test_check_reads_the_map_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLBRIDGE_STACK", str(SAMPLE))
    assert "Harbor & Pine" in check().stdout


def test_words_in_brackets_are_printed_as_they_stand() -> None:
    init()
    text = Path("stack.toml").read_text("utf-8").replace("Your Shop", "[bold]Shop[/] [/x]")
    Path("stack.toml").write_text(text, "utf-8")
    assert "[bold]Shop[/] [/x]" in check().stdout


def test_check_lists_the_hops_for_machines() -> None:
    hops = json.loads(check(SAMPLE, "--format", "json").stdout)
    assert [hop["hop"] for hop in hops] == ["registers-platform", "platform-processor", "processor-erp", "erp-web"]
    assert hops[3] == {
        "hop": "erp-web",
        "from": "erp",
        "to": "web",
        "trigger": "poll",
        "interval_seconds": 43200,
        "schedule": None,
        "sla_seconds": 46800,
        "checkpoint": False,
        "transform": ["route-bucket", "convert-currency"],
    }


def test_the_table_for_machines_holds_the_same() -> None:
    rows = list(csv.DictReader(io.StringIO(check(SAMPLE, "--format", "csv").stdout)))
    assert [row["hop"] for row in rows] == ["registers-platform", "platform-processor", "processor-erp", "erp-web"]
    assert [row["checkpoint"] for row in rows] == ["true", "false", "false", "false"]
    assert rows[2]["schedule"] == "0 2 * * *"
    assert rows[3]["transform"] == "route-bucket convert-currency"


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_fault_is_one_line_with_file_line_and_mend(form: str) -> None:
    text = SAMPLE.read_text("utf-8").replace('sla = "30s"', 'slaa = "30s"')
    Path("bad.toml").write_text(text, "utf-8")
    result = check("bad.toml", "--format", form)
    line = text.splitlines().index('slaa = "30s"') + 1
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f'bad.toml:{line}: "slaa" is no key of [[hops]]. Did you mean "sla"?\n'


def test_a_file_that_is_not_there_is_named() -> None:
    result = check("nope.toml")
    assert result.exit_code == 2
    assert result.stderr == "nope.toml: there is no such file. Write one with: tillbridge init\n"


def test_every_help_has_an_example() -> None:
    for arguments in (["--help"], ["check", "--help"]):
        assert "Example: tillbridge map" in CliRunner().invoke(map_group, arguments).stdout
    assert "Example: tillbridge init" in init("--help").stdout


def of_map(*words: str | Path) -> Result:
    """`tillbridge map ...`, where there is no hub's database."""
    return CliRunner().invoke(map_group, list(map(str, words)))


def test_a_drawing_without_a_database_says_so() -> None:
    drawn = of_map("draw", SAMPLE, "--width", "80")
    assert drawn.exit_code == 0
    assert "│ source of truth" not in drawn.stdout
    assert "║ source of truth ║" in drawn.stdout
    assert "Without live figures: no database of a hub was asked." in drawn.stdout
    assert max(map(len, drawn.stdout.splitlines())) <= 80
    assert not Path("tillbridge-data").exists(), "a look makes no database"


def test_a_drawing_is_a_file_of_its_own() -> None:
    assert of_map("draw", SAMPLE, "--out", "path.svg").exit_code == 0
    picture = Path("path.svg").read_text("utf-8")
    assert picture.startswith("<svg ")
    assert "<style>" in picture
    assert "route-bucket, convert-currency" in picture
    assert [path.name for path in Path().iterdir()] == ["path.svg"]


@pytest.mark.parametrize("command", [["draw", "--out", "no/path.svg"], ["spec", "--out", "no/spec.pdf"]])
def test_a_file_that_cannot_be_written_leaves_nothing(command: list[str]) -> None:
    failed = of_map(command[0], SAMPLE, *command[1:])
    assert isinstance(failed.exception, BadInput)
    assert "Name a file in a folder that is there" in str(failed.exception)
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("name", "begins"), [("s.pdf", b"%PDF-"), ("s.html", b"<!doctype html>"), ("s.md", b"# Integration spec sheet")]
)
def test_the_sheet_is_written_as_its_name_says(name: str, begins: bytes) -> None:
    assert of_map("spec", SAMPLE, "--out", name).exit_code == 0
    assert Path(name).read_bytes().startswith(begins)


def test_the_sheet_is_markdown_on_a_terminal_and_a_pdf_is_not_for_one() -> None:
    assert of_map("spec", SAMPLE).stdout.startswith("# Integration spec sheet")
    assert isinstance(of_map("spec", SAMPLE, "--format", "pdf").exception, BadInput)


def test_an_assessment_is_told_in_three_ways() -> None:
    assert of_map("assess", SAMPLE).stdout.startswith("The whole: REPAIR. 1 of 4 hops to be rebuilt")
    assert of_map("assess", SAMPLE, "--format", "md").stdout.startswith("# Repair or rebuild: repair")
    told = json.loads(of_map("assess", SAMPLE, "--format", "json").stdout)
    assert (told["verdict"], told["since"]) == ("repair", None)
    (erp,) = (hop for hop in told["hops"] if hop["hop"] == "processor-erp")
    assert erp["verdict"] == "rebuild"
    assert len(erp["to_repair"]) == 2
    live = {"criterion": "live", "weight": 5, "structural": True, "met": "not met"}
    assert live.items() <= erp["criteria"][0].items()
    assert erp["criteria"][0]["evidence"] == 'systems.erp: connector = "csv"'


def test_a_length_of_time_that_is_none_is_refused() -> None:
    assert isinstance(of_map("assess", SAMPLE, "--since", "soon").exception, BadInput)


@pytest.mark.parametrize("form", ["table", "json"])
def test_there_is_no_history_before_a_hub_has_run(form: str) -> None:
    assert of_map("history", "--format", form).stdout.strip() in ("Nothing to list.", "[]")


@pytest.mark.parametrize("command", ["draw", "spec", "assess"])
def test_a_map_that_cannot_run_is_refused_by_each(command: str) -> None:
    Path("bad.toml").write_text("[retailer]\nname = 1\n", "utf-8")
    refused = of_map(command, "bad.toml")
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"{Path('bad.toml').absolute()}:")
