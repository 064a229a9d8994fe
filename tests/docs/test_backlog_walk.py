"""The page that leads from four exports to a cleared backlog, and the reconciliation of the README: typed as they stand
there, one command after the other, each of which must print what is shown under it."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.commands import typed
from tests.docs.pages import DOCS, ROOT, block, blocks, prose
from tillbridge.cli.__main__ import commands
from tillbridge.cli.reconcile import reconcile_command
from tillbridge.diagnose.inquiry import COMPLAINTS
from tillbridge.diagnose.model import Cause, Class
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.reconcile.columns import COLUMNS, NEEDED

PAGE = DOCS / "howto" / "clear-the-backlog.md"
README = ROOT / "README.md"
SET_UP = {"make setup", ". .venv/bin/activate"}


def steps(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block in order, each with the lines that are shown under it."""
    found: list[tuple[str, list[str]]] = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        (command,) = typed(f"$ {part}")
        lines = part.splitlines()
        begins = next(place for place, line in enumerate(lines) if not line.endswith("\\")) + 1
        found.append((command, [line.rstrip() for line in lines[begins:]]))
    return found


def chunks(shown: list[str]) -> Iterator[list[str]]:
    """What stands between the lines that say that something is left out."""
    chunk: list[str] = []
    for line in shown:
        if line == "...":
            yield chunk
            chunk = []
        else:
            chunk.append(line)
    yield chunk


def missing(shown: list[str], printed: list[str]) -> list[str]:
    """The first part of what is shown that was not printed, in its place; nothing when all of it was."""
    at = 0
    parts = list(chunks(shown))
    for place, chunk in enumerate(parts):
        first, last = place == 0, place == len(parts) - 1
        starts = [at] if first else [len(printed) - len(chunk)] if last else range(at, len(printed) - len(chunk) + 1)
        fits = [one for one in starts if one >= at and _same(chunk, printed[one : one + len(chunk)])]
        if not fits or (first and last and len(chunk) != len(printed)):
            return chunk
        at = fits[0] + len(chunk)
    return []


def _same(shown: list[str], printed: list[str]) -> bool:
    return len(shown) == len(printed) and all(
        told.startswith(line.removesuffix("...").rstrip()) if line.endswith("...") else told == line
        for line, told in zip(shown, printed, strict=True)
    )


class Reader:
    """Somebody who types what a page says, in a folder that has the sample where the clone has it. Our own commands run
    in this process, which is what makes a walk of fifteen of them quick."""

    def __init__(self, folder: Path, db_url: str) -> None:
        (folder / "tests").symlink_to(ROOT / "tests")
        self.environment = {"TILLBRIDGE_DATABASE_URL": db_url, "COLUMNS": "80"}

    def types(self, line: str) -> list[str]:
        """What a line prints, complaints included."""
        if line in SET_UP:
            return []
        if line.startswith("export "):
            self.environment |= dict(word.split("=", 1) for word in shlex.split(line)[1:])
            return []
        if not line.startswith("tillbridge "):
            return subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True).stdout.splitlines()
        command, _, file = line.partition(" > ")
        result = CliRunner().invoke(commands, shlex.split(command)[1:], env=self.environment, prog_name="tillbridge")
        if isinstance(result.exception, TillbridgeError):
            return [f"tillbridge: {result.exception}"]
        assert isinstance(result.exception, SystemExit | None), result.exception
        if file:
            Path(file).write_text(result.stdout, "utf-8")
            return []
        return [one.rstrip() for one in result.stdout.splitlines()]


@pytest.fixture
def reader(db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Somebody in an empty folder with the sample in it."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TILLBRIDGE_")]:
        monkeypatch.delenv(name)
    return Reader(tmp_path, db_url)


def test_the_page_leads_from_exports_to_a_cleared_backlog(reader: Reader, tmp_path: Path) -> None:
    for one in blocks(PAGE):
        for command, shown in steps(one.text) if one.kind == "console" else []:
            printed = reader.types(command)
            assert missing(shown, printed) == [], f"{command}\n" + "\n".join(printed[-40:])
    header = (tmp_path / "out" / "findings.csv").read_text().splitlines()[0].split(",")
    assert set(header) == set(re.findall(r"`(\w+)`", "\n".join(_table("| column | what it says |"))))
    items = (tmp_path / "out" / "plan-1.csv").read_text().splitlines()
    assert len(items) == 1 + 72 + 24


def test_the_reconciliation_of_the_readme_prints_the_figures_of_the_sample(reader: Reader) -> None:
    ((command, shown),) = steps(block(README, "console", "tillbridge reconcile").text)
    printed = reader.types(command)
    assert missing(shown, printed) == [], "\n".join(printed)
    assert shown[-1].startswith("Against the truth: precision 1.0000, recall 1.0000")
    lines = README.read_text().splitlines()
    assert lines.index(shown[-1]) < len(lines) / 2, "the figures stand in the first half"


def test_each_class_and_each_cause_has_a_desk() -> None:
    rows = [line.split("|")[1:3] for line in _table("| class | cause |")]
    classes = {word for row in rows for word in re.findall(r"`([\w-]+)`", row[0])}
    causes = {word for row in rows for word in re.findall(r"`([\w-]+)`", row[1])}
    assert classes == set(Class)
    assert causes == set(Cause)


def test_each_export_has_the_columns_that_no_row_may_leave_blank() -> None:
    for line in _table("| export | who has it |"):
        side, *named = re.findall(r"`(\w+)`", line)
        columns = next(columns for one, columns in COLUMNS.items() if one.value == side)
        needed = next(columns for one, columns in NEEDED.items() if one.value == side)
        assert needed <= set(named) <= set(columns)


def test_each_kind_of_complaint_is_explained() -> None:
    rows = _table("| it says | what happened |")
    assert {line.split("`")[1] for line in rows} == set(COMPLAINTS)


def test_the_mapping_of_the_page_reads_such_an_export(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(block(PAGE, "toml mapping.toml", "[pos]").text)
    (tmp_path / "pos.csv").write_text(
        "Receipt no.;Shop;Till;Cashier;Day;Time;Value;Card;E-mail;Mobile\n"
        "T1;006;3;op07;2026-11-03;14:02:11;88.00;6199027320011712;quinn@example.com;\n"
    )
    (tmp_path / "platform.csv").write_text(
        "credit_id,code,transaction_id,origin,issued_at,state,issued,balance,currency,bucket,customer_id,email,phone,"
        "loyalty_id,last_activity_at\n"
    )
    files = [word for name in ("pos", "platform") for word in (f"--{name}", str(tmp_path / f"{name}.csv"))]
    words = [*files, "--mapping", str(tmp_path / "mapping.toml"), "--as-of", "2026-11-05T00:00:00Z", "--rows", "1"]
    told = CliRunner().invoke(reconcile_command, words)
    assert told.exit_code == 1, told.output
    assert "1 credit is there, and its customer cannot spend it: USD 88.00." in told.output


def _table(head: str) -> list[str]:
    """The rows of the table of the page that begins so."""
    lines = prose(PAGE).splitlines()
    begins = next(place for place, line in enumerate(lines) if line.startswith(head)) + 2
    ends = next(place for place in range(begins, len(lines)) if not lines[place].startswith("|"))
    return lines[begins:ends]


def test_what_is_not_printed_is_found() -> None:
    printed = ["a", "b", "c", "d"]
    assert missing(["a", "...", "c", "d"], printed) == []
    assert missing(["a", "...", "c"], printed) == ["c"]
    assert missing(["b", "...", "d"], printed) == ["b"]
    assert missing(["...", "c", "b", "..."], printed) == ["c", "b"]
    assert missing(["a", "b", "c"], printed) == ["a", "b", "c"]
    assert missing(["a", "b", "c", "d ..."], printed) == []
