"""`tillbridge reconcile` on real files: what it finds, what it says of files that are not whole, and how it ends."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from tests.acceptance.test_replay import tillbridge
from tillbridge.cli.__main__ import commands
from tillbridge.diagnose.model import Side
from tillbridge.kernel.errors import TillbridgeError
from tillbridge.simulate.exports.hours import moment_of
from tillbridge.simulate.exports.make import Order
from tillbridge.simulate.exports.write import write_exports

AS_OF = "2026-11-21T11:00:00-05:00"
CUT = ("--days", "30", "--as-of", AS_OF)
SIDES = tuple(side.value for side in Side)


class Score(NamedTuple):
    """How right a run was: shares from 0 to 1."""

    precision: float
    recall: float
    kind: float
    cause: float


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def score(findings: list[dict[str, str]], truth: list[dict[str, str]]) -> Score:
    """Each difference of the truth takes one finding of its code, or else of its transaction, that none has taken."""
    free = list(findings)
    met: list[tuple[dict[str, str], dict[str, str]]] = []
    for name in ("code", "transaction_id"):
        by: dict[str, list[dict[str, str]]] = {}
        for one in free:
            by.setdefault(one[name], []).append(one)
        for true in [one for one in truth if one[name] and all(one is not taken for taken, _ in met)]:
            same = by.get(true[name], [])
            if same:
                best = next((one for one in same if one["class"] == true["class"]), same[0])
                same.remove(best)
                met.append((true, best))
        taken = {id(one) for _, one in met}
        free = [one for one in free if id(one) not in taken]
    right = sum(true["class"] == one["class"] for true, one in met)
    caused = sum(true["cause"] == one["cause"] for true, one in met)
    count = max(len(met), 1)
    return Score(len(met) / max(len(findings), 1), len(met) / max(len(truth), 1), right / count, caused / count)


def options(folder: Path, *sides: str, stack: bool = True) -> list[str]:
    given = [word for side in sides or SIDES for word in (f"--{side}", str(folder / f"{side}.csv"))]
    return [*given, *(("--stack", str(folder / "stack.toml")) if stack else ())]


def reconcile(*words: str) -> Result:
    """The command, in this process."""
    result = CliRunner().invoke(commands, ["reconcile", *words], env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        if isinstance(result.exception, TillbridgeError):
            return result
        raise result.exception
    return result


def complaint(*words: str) -> str:
    """What the command refuses to do, as its error says it."""
    result = reconcile(*words)
    assert isinstance(result.exception, TillbridgeError), result.output
    return str(result.exception)


def test_the_sample_to_the_last_difference(sample: Path, tmp_path: Path) -> None:
    result = reconcile(*options(sample), *CUT, "--out", str(tmp_path), "--format", "json")
    assert result.exit_code == 1
    found, truth = rows(tmp_path / "findings.csv"), rows(sample / "truth.csv")
    assert score(found, truth) == Score(1.0, 1.0, 1.0, 1.0)
    summary = json.loads(result.output)
    assert summary == json.loads((tmp_path / "summary.json").read_text("utf-8"))
    # Credits of the window: on the platform, and those that it lacks.
    born = sum(since() <= datetime.fromisoformat(one["issued_at"]) for one in rows(sample / "platform.csv"))
    held = {one["code"] for one in rows(sample / "platform.csv")}
    assert summary["looked_at"] == born + sum(one["code"] not in held for one in found)
    assert summary["matched"] == summary["looked_at"] - len(found)


def since() -> datetime:
    return datetime.fromisoformat("2026-10-22T11:00:00-05:00")


def test_the_scorer_can_say_no() -> None:
    truth = [
        {"transaction_id": "T1", "code": "A", "class": "orphan", "cause": "lost-in-hop"},
        {"transaction_id": "T1", "code": "B", "class": "orphan", "cause": "no-customer"},
    ]
    assert score(truth, truth) == Score(1.0, 1.0, 1.0, 1.0)
    assert score(truth[:1], truth) == Score(1.0, 0.5, 1.0, 1.0)
    assert score([*truth, {**truth[0], "code": "C", "transaction_id": "T9"}], truth).precision == pytest.approx(2 / 3)
    assert score([{**truth[0], "cause": "no-customer"}, {**truth[1], "class": "unbacked"}], truth) == Score(
        1, 1, 0.5, 0.5
    )
    assert score([], truth).recall == 0


@pytest.mark.parametrize("seed", range(1, 11))
def test_ten_retailers_with_all_that_goes_wrong(seed: int, tmp_path: Path) -> None:
    write_exports(Order(seed, 2_000, 30, 0.2, moment_of(datetime(2026, 11, 21, 16, tzinfo=UTC))), tmp_path)
    result = reconcile(*options(tmp_path), *CUT, "--out", str(tmp_path / "out"), "--rows", "0")
    assert result.exit_code == 1
    found, truth = rows(tmp_path / "out" / "findings.csv"), rows(tmp_path / "truth.csv")
    assert score(found, truth) == Score(1.0, 1.0, 1.0, 1.0)
    assert Counter((one["class"], one["cause"]) for one in found) == Counter(
        (one["class"], one["cause"]) for one in truth
    )


def test_the_same_files_give_the_same_bytes_in_whatever_order_their_rows_are(sample: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned"
    turned.mkdir()
    for side in SIDES:
        head, *body = (sample / f"{side}.csv").read_text("utf-8").splitlines()
        (turned / f"{side}.csv").write_text("\n".join([head, *reversed(body)]) + "\n", "utf-8")
    (turned / "stack.toml").write_bytes((sample / "stack.toml").read_bytes())
    outs = [tmp_path / name for name in ("one", "two", "three")]
    for folder, out in zip((sample, sample, turned), outs, strict=True):
        assert reconcile(*options(folder), *CUT, "--out", str(out)).exit_code == 1
    for name in ("findings.csv", "findings.json"):
        assert len({(out / name).read_bytes() for out in outs}) == 1, name


@pytest.mark.spark
@pytest.mark.timeout(240)
async def test_both_engines_give_the_same_bytes(sample: Path, tmp_path: Path, java: str) -> None:
    assert java
    for engine in ("duckdb", "spark"):
        words = (*options(sample), *CUT, "--engine", engine, "--out", str(tmp_path / engine), "--rows", "0")
        status, _, err = await tillbridge("reconcile", *words, folder=tmp_path, limit_seconds=200)
        assert status == 1, err
    for name in ("findings.csv", "findings.json"):
        assert (tmp_path / "duckdb" / name).read_bytes() == (tmp_path / "spark" / name).read_bytes(), name


async def test_how_it_ends_is_its_exit_status(sample: Path, tmp_path: Path) -> None:
    good = healthy(tmp_path)
    status, out, err = await tillbridge("reconcile", *options(good, stack=False), *CUT, folder=tmp_path)
    assert (status, err) == (0, "")
    assert "No difference was found" in out
    status, out, err = await tillbridge("reconcile", *options(sample), *CUT, folder=tmp_path)
    assert (status, err) == (1, "")
    (good / "pos.csv").unlink()
    status, out, err = await tillbridge("reconcile", *options(good, stack=False), *CUT, folder=tmp_path)
    assert (status, err) == (2, "")
    assert "pos.csv" in out
    assert "Incomplete" in out
    assert "agree" not in out


def healthy(folder: Path) -> Path:
    """One credit that all four sides have alike, and an account without any."""
    good = folder / "good"
    good.mkdir()
    at = "2026-11-10T12:00:00-05:00"
    texts: Mapping[str, str] = {
        "pos": "transaction_id,store,register,operator,occurred_at,kind,bucket,amount,currency,code,email,phone,"
        f"loyalty_id\nT1,006,3,op07,{at},gift_card,paid,50.00,USD,6005916370012006,ava@example.com,,\n",
        "platform": "credit_id,code,transaction_id,origin,issued_at,state,issued,balance,currency,bucket,customer_id,"
        f"email,phone,loyalty_id,last_activity_at\nC1,6005916370012006,T1,register,{at},active,50.00,50.00,USD,paid,A1,"
        f"ava@example.com,,,{at}\n",
        "storefront": "account_id,email,phone,loyalty_id,code,available,currency,updated_at\n"
        f"A1,ava@example.com,,,6005916370012006,50.00,USD,{at}\nA2,hugo@example.com,,,,,,\n",
        "erp": "document_id,transaction_id,code,posted_at,amount,currency,status,error\n"
        f"D1,T1,6005916370012006,{at},50.00,USD,posted,\n",
    }
    for side, text in texts.items():
        (good / f"{side}.csv").write_text(text, "utf-8")
    return good


@pytest.mark.parametrize("side", SIDES)
def test_a_file_that_is_cut_is_incomplete_and_nothing_is_green(sample: Path, tmp_path: Path, side: str) -> None:
    for one in (*SIDES, "stack"):
        name = f"{one}.{'toml' if one == 'stack' else 'csv'}"
        whole = (sample / name).read_bytes()
        if one == side:
            # In the middle of a row, right behind a digit of its first columns.
            end = whole.index(b"\n", len(whole) // 2) + 14
            whole = whole[:end]
        (tmp_path / name).write_bytes(whole)
    result = reconcile(*options(tmp_path), *CUT, "--out", str(tmp_path / "out"), "--rows", "3")
    assert result.exit_code == 2
    summary = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    assert summary["status"] == "incomplete"
    assert "incomplete" in result.output.lower()
    assert f"{side}.csv" in result.output
    assert "agree" not in result.output
    assert "everything is" not in result.output.lower()


def test_a_side_that_was_not_given_is_not_missed(sample: Path, tmp_path: Path) -> None:
    for sides in (
        ("platform", "storefront"),
        ("pos", "platform"),
        ("pos", "storefront"),
        ("platform", "erp"),
        ("pos", "erp"),
    ):
        out = tmp_path / "-".join(sides)
        result = reconcile(*options(sample, *sides), *CUT, "--out", str(out), "--rows", "0")
        assert result.exit_code == 1
        true = {one[name] for one in rows(sample / "truth.csv") for name in ("code", "transaction_id")} - {""}
        found = rows(out / "findings.csv")
        assert found
        if sides != ("pos", "storefront"):
            assert all({one["code"], one["transaction_id"]} & true for one in found), sides
        assert "not given" in result.output


def test_without_a_map_the_differences_are_the_same(sample: Path, tmp_path: Path) -> None:
    result = reconcile(*options(sample, stack=False), *CUT, "--out", str(tmp_path), "--rows", "0")
    assert result.exit_code == 1
    found = score(rows(tmp_path / "findings.csv"), rows(sample / "truth.csv"))
    assert (found.precision, found.recall, found.kind) == (1.0, 1.0, 1.0)
    assert found.cause > 0.8, "what a system accepts, and when it runs, is not known"
    assert "without a map" in result.output


def test_the_window_is_as_it_was_asked_for(sample: Path, tmp_path: Path) -> None:
    def codes(*cut: str) -> set[str]:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        assert reconcile(*options(sample), "--as-of", AS_OF, *cut, "--out", str(out)).exit_code == 1
        return {one["code"] for one in rows(out / "findings.csv")}

    everything = codes("--days", "30")
    assert codes("--since", "2026-10-22T11:00:00-05:00") == everything
    early = codes("--since", "2026-10-22T11:00:00-05:00", "--until", "2026-11-01")
    late = codes("--since", "2026-11-01T00:00:01-05:00")
    assert early
    assert late
    assert early | late == everything
    assert codes("--days", "7") < everything


Wrong = Callable[[Path], list[str]]

WRONG: list[tuple[str, Wrong, tuple[str, ...]]] = [
    ("both", lambda at: [*options(at), "--since", "2026-11-01", "--days", "3"], ("--days", "--since")),
    ("no time", lambda at: [*options(at), "--since", "yesterday"], ("--since", "yesterday", "2026-11-21")),
    ("no zone", lambda at: [*options(at), "--as-of", "2026-11-21T11:00:00"], ("--as-of", "no zone")),
    ("late", lambda at: [*options(at), "--until", "2026-11-22", "--as-of", "2026-11-21"], ("--until", "after --as-of")),
    (
        "empty",
        lambda at: [*options(at), "--since", "2026-11-22", "--as-of", "2026-11-21"],
        ("--since", "before it begins"),
    ),
    ("one side", lambda at: options(at, "pos"), ("fewer than two sides",)),
    ("no side", lambda at: [], ("fewer than two sides",)),
    ("nobody issued", lambda at: options(at, "storefront", "erp"), ("--pos, --platform", "what was issued")),
]


@pytest.mark.parametrize(("words", "parts"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_cannot_be_asked_is_refused_with_the_mend(sample: Path, words: Wrong, parts: tuple[str, ...]) -> None:
    said = complaint(*words(sample))
    assert all(part in said for part in parts), said


def test_options_that_click_knows_to_be_wrong(sample: Path) -> None:
    for words in (["--days", "0"], ["--engine", "abacus"], ["--rows", "-1"], ["--format", "xml"]):
        assert reconcile(*options(sample), *words).exit_code == 2, words
