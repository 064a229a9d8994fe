"""Every register transaction of the sample, against the sample's storefront directory: who links, and who must not."""

import asyncio
import csv
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tillbridge.identity import store
from tillbridge.identity.directory import Loaded, load
from tillbridge.identity.model import Given, Linked, Resolution, Unresolved
from tillbridge.identity.recognise import recognise
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.ids import Ids

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
AT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)


def sample(name: str) -> list[dict[str, str]]:
    with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def load_file(db: Db, path: Path) -> Loaded:
    clock = SetClock(AT)
    return await load(db, path, "web", "US", clock=clock, ids=Ids(clock, random.Random(1)))


async def resolve_all(db: Db, transactions: list[dict[str, str]]) -> dict[str, Resolution]:
    given = [Given(row["email"], row["phone"], row["loyalty_id"]) for row in transactions]
    answers = await recognise(db, "US", given, AT)
    return dict(zip((row["transaction_id"] for row in transactions), answers, strict=True))


def said(answer: Resolution) -> str:
    return answer.cause if isinstance(answer, Unresolved) else "linked"


async def test_every_transaction_is_linked_or_left_for_the_right_cause(db: Db) -> None:
    assert await load_file(db, SAMPLE / "storefront.csv") == Loaded(accounts=1600, new=1600, bad=())
    answers = await resolve_all(db, sample("pos.csv"))
    truth = {row["transaction_id"]: row["cause"] for row in sample("truth.csv") if row["class"] == "orphan"}
    expected = {
        name: truth.get(name, "") if truth.get(name) in {"no-customer", "identifier-mismatch"} else "linked"
        for name in answers
    }
    assert {name: said(answer) for name, answer in answers.items()} == expected
    assert Counter(expected.values()) == {"linked": 1904, "no-customer": 48, "identifier-mismatch": 72}


async def test_every_link_is_to_the_account_that_the_platform_knows(db: Db) -> None:
    await load_file(db, SAMPLE / "storefront.csv")
    answers = await resolve_all(db, sample("pos.csv"))
    known = {row["transaction_id"]: row["customer_id"] for row in sample("platform.csv") if row["customer_id"]}
    linked = {name: one.customer_id for name, one in answers.items() if isinstance(one, Linked)}
    accounts = await store.references(db, linked.values())
    told = {name: [reference.account_id for reference in accounts[whose]] for name, whose in linked.items()}
    compared = {name: account for name, account in told.items() if name in known}
    assert len(compared) == 1880
    assert compared == {name: [known[name]] for name in compared}


def one_slip(typed: str, meant: str) -> bool:
    """Whether one letter too many, too few, wrong or in its neighbour's place tells the two apart."""
    start = next((place for place, pair in enumerate(zip(typed, meant, strict=False)) if len({*pair}) == 2), None)
    if start is None:
        return abs(len(typed) - len(meant)) == 1
    rest, other = typed[start:], meant[start:]
    swapped = rest[1::-1] + rest[2:]
    return rest[1:] == other or rest == other[1:] or rest[1:] == other[1:] or swapped == other


async def test_a_mistyped_email_names_the_one_who_was_meant_first(db: Db) -> None:
    await load_file(db, SAMPLE / "storefront.csv")
    transactions = sample("pos.csv")
    answers = await resolve_all(db, transactions)
    directory = {row["email"]: row["account_id"] for row in sample("storefront.csv")}
    slips = 0
    for row in transactions:
        answer, typed = answers[row["transaction_id"]], row["email"].strip().lower()
        meant = {account_id for email, account_id in directory.items() if one_slip(typed, email)}
        if isinstance(answer, Unresolved) and meant:
            slips += 1
            assert answer.candidates[0].accounts[0].account_id in meant, typed
    assert slips == 24


async def test_conflicting_identifiers_list_both_people(db: Db) -> None:
    await load_file(db, SAMPLE / "storefront.csv")
    (answer,) = (
        await resolve_all(db, [row for row in sample("pos.csv") if row["transaction_id"] == "T00950000587"])
    ).values()
    assert isinstance(answer, Unresolved)
    assert answer.sentence == "The e-mail and phone point to different profiles."
    exact = [candidate for candidate in answer.candidates if any(reason.score == 100 for reason in candidate.reasons)]
    assert len(exact) == 2


async def test_the_directory_again_changes_nothing(db: Db) -> None:
    await load_file(db, SAMPLE / "storefront.csv")
    before = await everyone(db)
    clock = SetClock(AT + timedelta(days=7))
    again = await load(db, SAMPLE / "storefront.csv", "web", "US", clock=clock, ids=Ids(clock, random.Random(2)))
    assert again == Loaded(accounts=1600, new=0, bad=())
    assert await everyone(db) == before


async def everyone(db: Db) -> object:
    accounts = sorted({row["account_id"] for row in sample("storefront.csv")})
    whose = [await store.customer_by_reference(db, "web", account_id) for account_id in accounts]
    return await store.customers(db, [customer_id for customer_id in whose if customer_id])


async def test_bad_rows_are_listed_and_the_rest_is_taken(db: Db, tmp_path: Path) -> None:
    lines = (SAMPLE / "storefront.csv").read_text("utf-8").splitlines()[:20]
    lines[3] = lines[3].replace("@", "@@")
    lines[5] = '"' + lines[5]
    lines[7] = "A1"
    file = tmp_path / "directory.csv"
    await asyncio.to_thread(file.write_bytes, b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\nA\xff,,,,,,,\r\n")
    loaded = await load_file(db, file)
    assert [(bad.row, bad.reason.partition(":")[0]) for bad in loaded.bad] == [
        (4, f"{lines[3].split(',')[1]!r} is no valid e-mail address"),
        (6, "the row cannot be read"),
        (8, "the row has 1 cells where the header has 8"),
        (21, "the row is not UTF-8"),
    ]
    assert (loaded.accounts, await store.count(db)) == (16, (16, 16))


async def test_a_file_that_is_no_directory_is_refused(db: Db) -> None:
    with pytest.raises(BadInput, match="the column is missing"):
        await load_file(db, SAMPLE / "erp.csv")
    with pytest.raises(FileNotFoundError):
        await load_file(db, SAMPLE / "nowhere.csv")


async def test_progress_is_told_in_rows(db: Db) -> None:
    told: list[int] = []
    clock = SetClock(AT)
    await load(
        db, SAMPLE / "storefront.csv", "web", "US", clock=clock, ids=Ids(clock, random.Random(1)), progress=told.append
    )
    # Each account, and again where a further row of it is newer.
    assert sum(told) == 1968
