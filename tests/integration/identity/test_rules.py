"""One owner per proved value, households, numbers that change hands, merges, unlinks, full exports, in PostgreSQL."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tillbridge.identity import ruling, store
from tillbridge.identity.directory import GONE_FREE, Loaded, load, profile_of
from tillbridge.identity.model import Given, Kind, Linked, Normal, Profile, Reference, Unresolved
from tillbridge.identity.recognise import recognise
from tillbridge.identity.resolve import QUARANTINE
from tillbridge.identity.ruling import Ruling
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db, Query
from tillbridge.kernel.errors import DatabaseFault
from tillbridge.kernel.ids import Ids

AT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
DAY = timedelta(days=1)
IDS = Ids(SetClock(AT), random.Random(11))
PHONE, EMAIL = "617-200-0068", "home@example.org"


async def tell(
    db: Db, account: str, at: datetime = AT, *, phone_proved: bool = True, email_proved: bool = True, **given: str
) -> UUID:
    """One event about an account; whose it is."""
    told = Given(account_id=account, **given)
    made = profile_of("web", told, "US", email_verified=email_proved, phone_verified=phone_proved)
    assert isinstance(made, Profile)
    (taken,) = await store.take_in(db, [made], at, IDS)
    return taken.customer_id


async def whose(db: Db, at: datetime = AT, **given: str) -> UUID | str:
    """Whom a request is linked to, or the sentence why nobody."""
    (answer,) = await recognise(db, "US", [Given(**given)], at, ranked=False)
    return answer.customer_id if isinstance(answer, Linked) else answer.sentence


def ruled(number: int, at: datetime = AT) -> Ruling:
    return Ruling(UUID(int=number), at, "olga", "She showed it.")


async def test_a_phone_that_is_proved_anew_changes_hands_and_rests(db: Db) -> None:
    old = await tell(db, "A1", phone=PHONE)
    new = await tell(db, "A2", AT + DAY, phone=PHONE, email="new@example.org")
    later = AT + DAY + QUARANTINE[Kind.PHONE]
    assert await whose(db, later, phone=PHONE) == "This phone changed hands, and both state it."
    # The old owner's account gives it up: from then on the rest counts.
    await tell(db, "A1", AT + 2 * DAY, email="old@example.org")
    assert await whose(db, later - DAY, phone=PHONE) == "This phone changed hands not long ago."
    assert await whose(db, later, phone=PHONE) == new
    assert await whose(db, AT + DAY, phone=PHONE, email="new@example.org") == new
    lines = await store.history_of(db, [old], 10)
    assert [(one.what, one.customer_id, one.other_id, one.since) for one in lines] == [("taken-over", new, old, AT)]
    assert await store.open_conflicts(db, 10) == []


async def test_what_has_ended_stays_ended_whatever_the_storefront_says(db: Db) -> None:
    await tell(db, "A1", phone=PHONE)
    await tell(db, "A2", AT + DAY, phone=PHONE)
    old = await tell(db, "A1", AT + 2 * DAY, phone=PHONE, name="Ada Young")
    owners = (await store.owners_of(db, [(Kind.PHONE, "+16172000068")]))[Kind.PHONE, "+16172000068"]
    assert [(one.verified, one.ended) for one in owners if one.customer_id == old] == [(False, True)]
    # Only a proof of their own brings it back.
    await store.verify(db, old, Normal(Kind.PHONE, PHONE, "+16172000068"), AT + 3 * DAY)
    owners = (await store.owners_of(db, [(Kind.PHONE, "+16172000068")]))[Kind.PHONE, "+16172000068"]
    assert [(one.customer_id, one.moved_at) for one in owners if one.verified] == [(old, AT + 3 * DAY)]


async def test_an_email_changes_hands_by_a_code_alone_and_rests_for_longer(db: Db) -> None:
    await tell(db, "A1", email=EMAIL)
    new = await tell(db, "A2", AT + DAY, email=EMAIL)
    assert await whose(db, AT + 1000 * DAY, email=EMAIL) == "More than one profile has this e-mail."
    (conflict,) = await store.open_conflicts(db, 10)
    assert (conflict.kind, conflict.value, len(conflict.people)) == (Kind.EMAIL, EMAIL, 2)
    await store.verify(db, new, Normal(Kind.EMAIL, EMAIL, EMAIL), AT + 2 * DAY)
    assert await store.open_conflicts(db, 10) == []
    await tell(db, "A1", AT + 3 * DAY)
    assert QUARANTINE[Kind.EMAIL] > QUARANTINE[Kind.PHONE]
    assert await whose(db, AT + DAY + QUARANTINE[Kind.EMAIL], email=EMAIL) == "This e-mail changed hands not long ago."
    assert await whose(db, AT + 2 * DAY + QUARANTINE[Kind.EMAIL], email=EMAIL) == new


async def test_a_full_export_moves_nothing(db: Db) -> None:
    profiles = [profile_of("web", Given(account_id=name, phone=PHONE), "US") for name in ("A1", "A2")]
    for number, one in enumerate(profiles):
        assert isinstance(one, Profile)
        await store.take_in(db, [one], AT + number * DAY, IDS, dated=False)
    assert await whose(db, AT + 1000 * DAY, phone=PHONE) == "More than one profile has this phone."
    assert len(await store.open_conflicts(db, 10)) == 1


async def test_a_household_links_nobody_by_itself_and_one_with_something_of_their_own(db: Db) -> None:
    home: dict[str, Any] = {"street": "12 Elm Street", "place": "Albany", "postcode": "12207"}
    ada = await tell(db, "A1", email=EMAIL, phone=PHONE, name="Ada Young", **home)
    ben = await tell(
        db, "A2", email=EMAIL, email_proved=False, loyalty_id="77000014405", name="Ben Ito-Young", **home
    )  # fmt: skip
    assert await whose(db, email=EMAIL) == "This e-mail is a household's."
    assert await whose(db, email=EMAIL, loyalty_id="7700 0014 405") == ben
    assert await whose(db, email=EMAIL, phone=PHONE) == ada


async def test_a_stranger_who_states_an_email_takes_nothing_but_a_phone_rests(db: Db) -> None:
    ada = await tell(db, "A1", email=EMAIL, phone=PHONE, name="Ada Young")
    await tell(db, "A2", email=EMAIL, phone=PHONE, email_proved=False, phone_proved=False, name="Eve Novak")
    assert await whose(db, email=EMAIL) == ada
    assert await whose(db, phone=PHONE) == "This phone is on other profiles as well."


@pytest.mark.parametrize("name", ["Ada Young", "young ada", "Ada M. Young", "Ada", ""])
async def test_a_name_that_fits_stands_in_no_ones_way(db: Db, name: str) -> None:
    ada = await tell(db, "A1", phone=PHONE, name="Ada Young")
    assert await whose(db, phone=PHONE, name=name) == ada


@pytest.mark.parametrize("name", ["Young", "A. Young", "Young A"])
async def test_a_phone_and_a_family_name_are_any_of_the_family(db: Db, name: str) -> None:
    ada = await tell(db, "A1", phone=PHONE, email=EMAIL, name="Ada Young")
    assert await whose(db, phone=PHONE, name=name) == "A phone and a family name may be another of the family."
    assert await whose(db, phone=PHONE, email=EMAIL, name=name) == ada


@pytest.mark.parametrize("name", ["John Young Jr", "John Young, junior", "John Young III"])
async def test_a_parent_and_a_child_of_one_name_are_two(db: Db, name: str) -> None:
    parent = await tell(db, "A1", email=EMAIL, name="John Young")
    child = await tell(db, "A2", phone=PHONE, name="John Young II" if name.endswith("III") else name)
    another = "The name is another one than that of the profile."
    assert await whose(db, email=EMAIL, name=name) == another
    assert await whose(db, phone=PHONE, name="John Young") == another
    assert await whose(db, email=EMAIL, name="John Young") == parent
    if not name.endswith("III"):
        assert await whose(db, phone=PHONE, name="John Young Jr.") == child


async def test_a_bare_account_id_points_and_does_not_prove(db: Db) -> None:
    ada = await tell(db, "1001", email=EMAIL)
    await tell(db, "1002", phone=PHONE)
    assert await whose(db, account_id="1001") == "Nobody has proved control of this account id."
    assert await whose(db, account_id="1001", email=EMAIL) == ada
    assert await whose(db, account_id="1002", email=EMAIL) == "The account id and e-mail point to different profiles."
    assert await whose(db, account_id="web:1001") == ada


async def test_another_birth_date_speaks_against_a_link(db: Db) -> None:
    card = "77000014405"
    john = await tell(db, "A1", phone=PHONE, email=EMAIL, loyalty_id=card, name="John Young", birth_date="1955-03-02")
    another = "The birth date is another one than that of the profile."
    some: tuple[dict[str, Any], ...] = (
        {"phone": PHONE},
        {"email": EMAIL},
        {"phone": PHONE, "email": EMAIL, "name": "John Young"},
    )
    for given in some:
        assert await whose(db, birth_date="1985-07-09", **given) == another
        assert await whose(db, birth_date="1955-03-02", **given) == john
        assert await whose(db, birth_date="1955-02-03", **given) == john
    # Our own card is copied, not remembered.
    assert await whose(db, birth_date="1985-07-09", loyalty_id=card) == john


@pytest.mark.parametrize("name", ["Ida Young", "Ben Ito", "Ada Ito"])
async def test_another_name_speaks_against_a_link(db: Db, name: str) -> None:
    await tell(db, "A1", phone=PHONE, name="Ada Young")
    assert await whose(db, phone=PHONE, name=name) == "The name is another one than that of the profile."


async def test_a_merge_makes_one_owner_and_the_undo_restores_exactly(db: Db) -> None:
    a, b, c = [await tell(db, name, email=EMAIL, loyalty_id=card) for name, card in ABC]
    before = await everything(db)
    async with db.transaction() as tx:
        assert await ruling.merge(tx, b, c, ruled(1)) == ""
        assert await ruling.merge(tx, c, a, ruled(2)) == ""
        assert await ruling.merge(tx, b, a, ruled(3)) == "same"
    assert await whose(db, email=EMAIL) == a
    assert set(await store.same_person(db, b)) == {a, b, c}
    assert await store.customer_for_claim(db, (Kind.EMAIL, EMAIL)) == a
    person = await store.customer(db, a)
    assert person is not None
    assert [one.account_id for one in person.references] == ["A1", "A2", "A3"]
    # Each reference stays on its own id.
    assert await store.customer_by_reference(db, "web", "A2") == b
    async with db.transaction() as tx:
        assert await ruling.unmerge(tx, UUID(int=2), ruled(2)) == ""
        assert await ruling.unmerge(tx, UUID(int=2), ruled(2)) == "undone"
        assert await ruling.unmerge(tx, UUID(int=9), ruled(9)) == "unknown"
    assert await store.same_person(db, b) == (c, b)
    assert await store.same_person(db, a) == (a,)
    async with db.transaction() as tx:
        assert await ruling.unmerge(tx, UUID(int=1), ruled(1)) == ""
    assert await everything(db) == before


ABC = [("A1", "77000014405"), ("A2", "77000014413"), ("A3", "77000014421")]


async def everything(db: Db) -> object:
    tables = ("customer", "reference", "identifier", "portrait")
    return [
        sorted(str(dict(row)) for row in await db.fetch(Query("test", f"SELECT * FROM identity.{name}")))  # noqa: S608
        for name in tables
    ]


async def test_merges_that_cannot_be(db: Db) -> None:
    a, b, c = [await tell(db, name, loyalty_id=card) for name, card in ABC]
    async with db.transaction() as tx:
        assert await ruling.merge(tx, a, UUID(int=77), ruled(1)) == "unknown"
        assert await ruling.merge(tx, a, a, ruled(1)) == "same"
        assert await ruling.merge(tx, a, b, ruled(1)) == ""
        assert await ruling.merge(tx, a, c, ruled(2)) == "merged"
        assert await ruling.merge(tx, c, a, ruled(2)) == "merged"


async def test_history_is_never_edited(db: Db) -> None:
    await tell(db, "A1", phone=PHONE)
    await tell(db, "A2", AT + DAY, phone=PHONE)
    for statement in ("UPDATE identity.history SET evidence = 'x'", "DELETE FROM identity.history"):
        with pytest.raises(DatabaseFault, match="append-only"):
            await db.execute(Query("test", statement))


def export(folder: Path, accounts: int, *more: str, name: str = "full.csv") -> Path:
    lines = ["account_id,email,phone,loyalty_id,code,available,currency,updated_at,name,city"]
    lines += [f"A{number},p{number}@example.org,,,,,,,Person {number},Albany" for number in range(accounts)]
    file = folder / name
    file.write_text("\n".join([*lines, *more]) + "\n", "utf-8")
    return file


async def loaded(db: Db, file: Path, at: datetime = AT) -> Loaded:
    clock = SetClock(at)
    return await load(db, file, "web", "US", clock=clock, ids=Ids(clock, random.Random(4)), full=True)


async def test_a_full_export_says_who_is_gone_and_who_is_back(db: Db, tmp_path: Path) -> None:
    await loaded(db, export(tmp_path, 100))
    gone = await store.customer_by_reference(db, "web", "A97")
    assert await whose(db, email="p97@example.org") == gone
    assert (await loaded(db, export(tmp_path, 95), AT + DAY)).gone == 5
    assert await whose(db, email="p97@example.org") == "No online profile has this e-mail."
    assert await whose(db, account_id="web:A97") == "No online profile has this account id."
    assert gone is not None
    assert await store.references(db, [gone]) == {}
    assert (await loaded(db, export(tmp_path, 95), AT + DAY)).gone == 0
    assert (await loaded(db, export(tmp_path, 100), AT + 2 * DAY)).new == 0
    assert await whose(db, email="p97@example.org") == gone
    assert [one.what for one in await store.history_of(db, [gone], 10)] == ["back", "given-up", "gone"]
    candidate = await store.customer(db, gone)
    assert candidate is not None
    assert candidate.particulars[0].name == "person 97"


async def test_a_file_that_was_cut_off_wipes_nobody(db: Db, tmp_path: Path) -> None:
    await loaded(db, export(tmp_path, 100))
    short = await loaded(db, export(tmp_path, 80), AT + DAY)
    assert short.gone == 0
    assert "lacks 20 of 100 accounts" in short.kept
    torn = await loaded(db, export(tmp_path, 98, "A98,p98@exam"), AT + DAY)
    assert (torn.gone, "line 100" in torn.kept) == (0, True)
    empty = await loaded(db, export(tmp_path, 0), AT + DAY)
    assert (empty.gone, "no accounts" in empty.kept) == (0, True)
    assert isinstance(await whose(db, email="p99@example.org"), UUID)


async def test_a_row_that_cannot_be_right_is_there_all_the_same(db: Db, tmp_path: Path) -> None:
    await loaded(db, export(tmp_path, 100))
    bad = await loaded(db, export(tmp_path, 99, "A99,not an address,,,,,,,,"), AT + DAY)
    assert (len(bad.bad), bad.gone, bad.kept) == (1, 0, "")
    assert isinstance(await whose(db, email="p99@example.org"), UUID)


async def test_a_small_directory_may_lose_a_few(db: Db, tmp_path: Path) -> None:
    await loaded(db, export(tmp_path, 10))
    assert (await loaded(db, export(tmp_path, 10 - GONE_FREE), AT + DAY)).gone == GONE_FREE


async def test_candidates_by_name_and_address_alone(db: Db) -> None:
    home: dict[str, Any] = {"street": "12 Elm Street", "place": "Albany", "postcode": "12207"}
    ada = await tell(db, "A1", email="x9@example.org", name="Ada Young", birth_date="1984-03-02", **home)
    await tell(db, "A2", email="ben@example.org", name="Ben Young", birth_date="2010-03-02", **home)
    given = Given(name="Yuong Ada", street="12 Elm St", place="Albany", birth_date="02.03.1984")
    (answer,) = await recognise(db, "US", [given], AT)
    assert isinstance(answer, Unresolved)
    assert answer.cause == "no-customer"
    assert answer.candidates[0].customer_id == ada
    assert answer.candidates[0].accounts == (Reference("web", "A1"),)
    assert [one.sentence for one in answer.candidates[0].reasons][:1] == ["similar name"]
