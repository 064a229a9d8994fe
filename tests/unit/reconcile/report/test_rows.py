"""findings.csv, findings.json and unreadable.csv."""

import csv
import io
import json
import random
from dataclasses import replace

import pytest

from tests.unit.reconcile.report.runs import BOUGHT_TWICE, ORPHAN, incomplete, many, run
from tillbridge.diagnose.model import Evidence, Finding
from tillbridge.reconcile.model import Run
from tillbridge.reconcile.report import findings_csv, findings_json, unreadable_csv
from tillbridge.reconcile.report.rows import cell

HEAD = (
    "finding_id,class,cause,code,transaction_id,store,register,operator,amount,currency,evidence,action,risk,"
    "at,account_id,due"
)


def rows(made: Run) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(findings_csv(made))))


def test_columns_and_their_order() -> None:
    assert findings_csv(run()) == HEAD + "\n"
    assert findings_csv(run(ORPHAN)).splitlines()[0] == HEAD


def test_a_row_holds_the_whole_code_the_amount_and_the_facts_in_order() -> None:
    (row,) = rows(run(ORPHAN))
    assert row == {
        "finding_id": "F-0001",
        "class": "orphan",
        "cause": "identifier-mismatch",
        "code": "6281670170002304",
        "transaction_id": "T00210000228",
        "store": "002",
        "register": "1",
        "operator": "op24",
        "amount": "88.00",
        "currency": "USD",
        "evidence": "2026-11-05T10:27:10-05:00 pos: issued 88.00 USD, refund, receipt T00210000228, store 002, "
        "register 1, by op24 | 2026-11-05T10:27:12-05:00 platform: credit C000000233 is active, 88.00 USD of 88.00 "
        "USD left, of nobody | erp-web: the profile of the e-mail ava.reid@example.com is nobody's",
        "action": ORPHAN.action,
        "risk": "customer",
        "at": "2026-11-05T10:27:10-05:00",
        "account_id": "",
        "due": "",
    }


def test_no_cause_is_a_blank_cell_and_null() -> None:
    assert rows(run(BOUGHT_TWICE))[0]["cause"] == ""
    assert json.loads(findings_json(run(BOUGHT_TWICE)))["findings"][0]["cause"] is None


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(8_800, "USD", "88.00"), (-350, "USD", "-3.50"), (1_200, "JPY", "1200"), (1_234, "KWD", "1.234"), (0, "", "0")],
)
def test_amounts_are_decimal_strings_of_their_currency(minor: int, currency: str, text: str) -> None:
    made = run(replace(ORPHAN, amount=minor, currency=currency))
    assert rows(made)[0]["amount"] == text
    assert json.loads(findings_json(made))["findings"][0]["amount"] == text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+12122000072", "'+12122000072"),
        ("-cmd", "'-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1+1", " '=1+1"),
        ("\t=1+1", " '=1+1"),
        ("\r\n@x", " '@x"),
        ('"=1', "\"'=1"),
        ("'=1", "''=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("op24;=1+1", "op24;'=1+1"),
        ("op24; =1+1", "op24; '=1+1"),
        ("a\nb", "a b"),
        ("nul\x00l", "nul l"),
    ],
)
def test_no_cell_is_a_formula(text: str, safe: str) -> None:
    assert cell(text) == safe
    (row,) = rows(run(replace(ORPHAN, operator=text)))
    assert row["operator"] == safe


@pytest.mark.parametrize(
    "text",
    ["", "6281670170002304", "T00210000228", "GC7K2M9Q", "002", "-3.50", "-12", "ava=b@example.com", "a; b", "é"],
)
def test_codes_amounts_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


def test_facts_from_outside_cannot_start_a_formula_either() -> None:
    facts = (Evidence(None, "=1+1", "x"), Evidence(None, "erp", "error;=cmd|' /C calc'!A0"))
    (row,) = rows(run(replace(ORPHAN, evidence=facts)))
    assert row["evidence"] == "'=1+1: x | erp: error;'=cmd|' /C calc'!A0"


def test_json_has_every_text_untouched_and_the_candidates() -> None:
    said = json.loads(findings_json(run(replace(ORPHAN, operator="=1+1\n"))))
    assert said["format"] == 1
    assert said["retailer"] == "Harbor & Pine"
    assert said["status"] == "findings"
    assert said["cut"] == {
        "since": "2026-10-22T12:00:00-04:00",
        "until": "2026-11-21T11:00:00-05:00",
        "as_of": "2026-11-21T11:00:00-05:00",
    }
    (finding,) = said["findings"]
    assert (
        list(finding)
        == (
            "finding_id class cause code transaction_id store register operator amount currency at evidence action "
            "risk account_id due candidates"
        ).split()
    )
    assert finding["operator"] == "=1+1\n"
    assert finding["evidence"][2] == {"at": None, "source": "erp-web", "fact": ORPHAN.evidence[2].fact}
    assert finding["candidates"] == [
        {
            "account_id": "A0001368",
            "score": 92,
            "reasons": ["the e-mail is one letter off", "the same last four digits of the phone"],
        }
    ]


def test_nothing_found_is_an_empty_list() -> None:
    assert json.loads(findings_json(run()))["findings"] == []


def test_the_same_findings_give_the_same_bytes_whatever_their_order_and_the_time_it_took() -> None:
    made = many(300, currencies=("USD", "CAD", "JPY"))
    mixed = list(made.findings)
    random.Random(1).shuffle(mixed)
    again = replace(made, findings=tuple(mixed), seconds=99.5)
    assert findings_csv(again) == findings_csv(made)
    assert findings_json(again) == findings_json(made)


def test_csv_and_json_tell_the_same() -> None:
    made = many(300, currencies=("USD", "JPY"))
    listed, told = rows(made), json.loads(findings_json(made))["findings"]
    assert len(listed) == 300
    for row, one in zip(listed, told, strict=True):
        for name in ("finding_id", "class", "code", "transaction_id", "amount", "currency", "risk", "action", "at"):
            assert row[name] == one[name]
        assert row["due"] == (one["due"] or "")
        assert len(row["evidence"].split(" | ")) == len(one["evidence"])


def test_the_gravest_come_first_and_then_the_largest() -> None:
    def one(name: str, **changes: object) -> Finding:
        return replace(ORPHAN, finding_id=name, **changes)  # type: ignore[arg-type]  # whatever the row changes

    made = run(
        one("waits", risk="none", amount=99_999),
        one("small", amount=100),
        one("yen", amount=500, currency="JPY"),
        one("large", amount=9_000),
        one("books", risk="books"),
        one("twice", risk="double-redemption", amount=1),
        one("unpaid", risk="overstated", amount=1),
    )
    assert [row["finding_id"] for row in rows(made)] == "twice unpaid yen large small books waits".split()


def test_unreadable_rows_are_listed_with_their_mend() -> None:
    assert unreadable_csv(run(ORPHAN)) == ""
    assert unreadable_csv(incomplete()) == (
        "side,file,row,name,field,problem,mend\n"
        'pos,pos.csv,412,T00210000228,amount,"\'1.234,50\' is no amount","Write 1234.50, with a point."\n'
    )
