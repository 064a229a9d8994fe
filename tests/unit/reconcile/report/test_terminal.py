"""The answer in the terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.unit.reconcile.report.runs import BOUGHT_TWICE, ORPHAN, SIDES_READ, incomplete, many, run
from tillbridge.diagnose.model import Cause
from tillbridge.reconcile.model import Run
from tillbridge.reconcile.report import summary_lines


def printed(made: Run, rows: int = 20, *, width: int = 200, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    console.print(summary_lines(made, rows))
    return out.getvalue()


WAITING = replace(ORPHAN, finding_id="F-0003", cause=Cause.POLLING_LAG, risk="none")


def test_the_first_sentence_answers_the_question() -> None:
    assert printed(run(ORPHAN, replace(ORPHAN, finding_id="F-9"), BOUGHT_TWICE, WAITING)).splitlines()[0] == (
        "3 of 2,408 credits need something, 1 more is on its way; customers cannot spend 2 credits, USD 176.00."
    )


def test_one_of_each_is_said_in_the_singular() -> None:
    assert printed(run(ORPHAN)).splitlines()[:2] == [
        "1 of 2,408 credits needs something; customers cannot spend 1 credit, USD 88.00.",
        "1 credit is there, and its customer cannot spend it: USD 88.00.",
    ]


def test_what_is_only_on_its_way_needs_nobody() -> None:
    assert printed(run(WAITING)).startswith("Nobody is needed: 1 of 2,408 credits is on its way.\n")


def test_more_differences_than_credits_are_not_put_into_proportion() -> None:
    assert printed(run(ORPHAN, BOUGHT_TWICE, looked_at=1)).startswith("2 credits need something;")


def test_money_of_two_currencies_stands_side_by_side() -> None:
    said = printed(run(ORPHAN, replace(ORPHAN, finding_id="F-4", amount=5_000, currency="JPY")))
    assert "customers cannot spend 2 credits, JPY 5,000 and USD 88.00." in said.splitlines()[0]


def test_heaps_say_what_it_means_and_what_to_do() -> None:
    said = printed(run(ORPHAN, BOUGHT_TWICE))
    assert "Duplicate issue. One sale was issued twice: this is the second credit." in said
    assert "Do: Void the second credit of each sale; the first one stays." in said
    assert said.index("Duplicate issue.") < said.index("Identifier mismatch.")


def test_the_worst_are_named_as_many_as_asked_for() -> None:
    made = many(485)
    assert "The worst 20 of 485" in printed(made)
    assert printed(made).count("\N{HORIZONTAL ELLIPSIS}") == 20
    assert "The worst 3 of 485" in printed(made, 3)
    assert printed(made, 0).count("\N{HORIZONTAL ELLIPSIS}") == 0
    assert "All of them, the worst first" in printed(run(ORPHAN))


def test_codes_are_masked() -> None:
    said = printed(run(ORPHAN))
    assert "…2304" in said
    assert ORPHAN.code not in said


@pytest.mark.parametrize("findings", [(), (ORPHAN, BOUGHT_TWICE)])
def test_incomplete_is_said_first_with_its_rows_and_mends(findings: tuple[object, ...]) -> None:
    made = incomplete(*findings)  # type: ignore[arg-type]  # findings or none
    said = printed(made).splitlines()
    assert said[0] == "Incomplete: 2 rows of the registers (pos.csv) could not be read."
    assert said[1] == "  pos.csv, row 412: amount: '1.234,50' is no amount. Write 1234.50, with a point."
    assert said[2] == "  and 1 more row of pos.csv."
    assert said[3].startswith("What follows is only what could be compared")


def test_a_file_that_could_not_be_read_at_all() -> None:
    broken = replace(
        incomplete().sides[0].bad[0], row=0, field="", name="", problem="The file is empty", mend="Export it."
    )
    made = run(sides=(replace(SIDES_READ[0], rows=0, bad_rows=1, bad=(broken,)), *SIDES_READ[1:]))
    said = printed(made).splitlines()
    assert said[:2] == [
        "Incomplete: the registers (pos.csv) could not be read.",
        "  pos.csv: The file is empty. Export it.",
    ]


def test_without_findings_an_incomplete_run_promises_nothing() -> None:
    said = printed(incomplete(), colour=True)
    assert "That does not say that there is none." in said
    for word in ("agree on the registers", "\u2713", "\u2714", "all good", "Nothing fell through", "clean"):
        assert word not in said
    assert "\x1b[32m" not in said
    assert "\x1b[1;32m" not in said


def test_a_clean_run_says_what_was_compared() -> None:
    said = printed(run()).splitlines()
    assert said[0] == (
        "No difference was found: all 2,408 credits agree on the registers, the platform, the web store and the books."
    )
    assert "  the web store: storefront.csv, 3,402 rows" in said


def test_a_side_that_was_not_given_is_named() -> None:
    assert "Not compared, because not given: the books." in printed(run(sides=SIDES_READ[:3]))


def test_nothing_to_compare_is_not_all_in_order() -> None:
    said = printed(run(looked_at=0, matched=0))
    assert said.startswith("There was nothing to compare: no credit came into being in this window.")


def test_texts_from_outside_steer_nothing() -> None:
    evil = replace(ORPHAN, operator="\x1b[2J\u202e[red]op[/red]", transaction_id="[bold]T1", store="[link=x]")
    said = printed(run(evil, sides=(replace(SIDES_READ[0], origin="\x1b]0;x\x07pos.csv"), *SIDES_READ[1:])))
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "[red]op[/red]" in said
    assert "[bold]T1" in said


def test_it_fits_eighty_columns() -> None:
    assert max(map(len, printed(many(485), width=80).splitlines())) <= 80
