"""From what was typed to whose it is, over a real directory."""

import random
from datetime import UTC, datetime

from tillbridge.identity import store
from tillbridge.identity.directory import profile_of
from tillbridge.identity.model import Given, Linked, Profile, Reference, Unresolved
from tillbridge.identity.recognise import candidates_for, recognise
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.kernel.ids import Ids

AT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)


async def fill(db: Db) -> None:
    people = [
        Given("ada.young105@example.org", "617-200-0068", "77000014405", "A1"),
        Given("ben.ito7@example.org", "617-200-0069", "", "A2"),
    ]
    profiles = [made for given in people if isinstance(made := profile_of("web", given, "US"), Profile)]
    assert len(await store.take_in(db, profiles, AT, Ids(SetClock(AT), random.Random(3)))) == 2


async def test_requests_are_answered_in_their_order(db: Db) -> None:
    await fill(db)
    answers = await recognise(
        db,
        "US",
        [
            Given(email="ADA.Young105@example.org"),
            Given(email="none", phone="555-0123"),
            Given(email="ada.young105@example.org", phone="617-200-0069"),
            Given(email="ada.yuong105@example.org"),
            Given(account_id="web:A2", phone="n/a"),
            Given(),
        ],
        AT,
    )
    ada, ben = [await store.customer_by_reference(db, "web", account_id) for account_id in ("A1", "A2")]
    linked = [answer.customer_id if isinstance(answer, Linked) else answer.cause for answer in answers]
    assert linked == [ada, "no-customer", "identifier-mismatch", "identifier-mismatch", ben, "no-customer"]
    conflict, slip = answers[2], answers[3]
    assert isinstance(conflict, Unresolved)
    assert isinstance(slip, Unresolved)
    assert {candidate.customer_id for candidate in conflict.candidates} == {ada, ben}
    assert [candidate.customer_id for candidate in slip.candidates] == [ada]
    assert slip.candidates[0].accounts == (Reference("web", "A1"),)
    assert slip.candidates[0].reasons[0].sentence == "similar e-mail"


async def test_a_register_need_not_wait_for_candidates(db: Db) -> None:
    await fill(db)
    slip = Given(email="ada.yuong105@example.org")
    (answer,) = await recognise(db, "US", [slip], AT, ranked=False)
    assert isinstance(answer, Unresolved)
    assert answer.candidates == ()
    (candidate,) = await candidates_for(db, "US", slip)
    assert candidate.customer_id == await store.customer_by_reference(db, "web", "A1")
    assert await candidates_for(db, "US", Given()) == ()


async def test_no_request_is_no_question(db: Db) -> None:
    assert await recognise(db, "US", [], AT) == []
