"""Claims on a real hub: one-time codes bound, limited, single use; and never the wrong person."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.checkpoint.conftest import SALE, START, Shop
from tillbridge.checkpoint import claim as claims
from tillbridge.checkpoint import store as checkpoint
from tillbridge.checkpoint.claim import ClaimState, Finish
from tillbridge.checkpoint.model import Receipt
from tillbridge.checkpoint.register import CONTACTS_KEPT, GIVEN_KEPT
from tillbridge.credit.model import Void
from tillbridge.handoff import store as handoffs
from tillbridge.identity import store as people
from tillbridge.identity.model import Given
from tillbridge.identity.store import customer_by_reference
from tillbridge.kernel.db import Query
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import State


async def test_the_right_code_links_activates_and_sends_what_waited(shop: Shop) -> None:
    receipt = await shop.voucher()
    assert await shop.owner(receipt) == (State.UNCLAIMED, None)
    web = [one for one in await handoffs.of_credit(shop.hub.db, receipt.posted.credit_id) if one.hop == "platform-web"]
    assert [(one.state.value, one.waits_for) for one in web] == [("waiting", "claim")]
    challenge = await shop.begin(receipt, " AVA@Example.com ")
    assert shop.inbox.messages()[0].to == "ava@example.com"
    assert await shop.finish(receipt, challenge, shop.code()) is Finish.LINKED
    ava = await customer_by_reference(shop.hub.db, "web", "A1")
    assert await shop.owner(receipt) == (State.ACTIVE, ava)
    web = [one for one in await handoffs.of_credit(shop.hub.db, receipt.posted.credit_id) if one.hop == "platform-web"]
    assert [one.state.value for one in web] == ["due"]
    review = await checkpoint.review_of_credit(shop.hub.db, receipt.posted.credit_id)
    assert review is not None
    assert (review.state, review.done_by) == ("done", "claim")


async def test_a_code_is_good_once_and_for_ten_minutes(shop: Shop) -> None:
    receipt = await shop.voucher()
    late = await shop.begin(receipt, "ava@example.com")
    old = shop.code()
    shop.clock.move(claims.CODE_LIFE)
    assert await shop.finish(receipt, late, old) is Finish.EXPIRED
    challenge = await shop.begin(receipt, "ava@example.com")
    code = shop.code()
    assert await shop.finish(receipt, challenge, code) is Finish.LINKED
    assert await shop.finish(receipt, challenge, code) is Finish.CLAIMED


async def test_wrong_codes_are_counted_and_then_the_right_one_is_locked_out(shop: Shop) -> None:
    receipt = await shop.voucher()
    challenge = await shop.begin(receipt, "ava@example.com")
    right = shop.code()
    wrong = "999999" if right != "999999" else "999998"
    assert receipt.voucher is not None
    left = [
        (await shop.hub.claims.finish(receipt.voucher.claim_code, challenge, wrong)).tries_left
        for _ in range(claims.TRIES_MAX)
    ]
    assert left == [4, 3, 2, 1, 0]
    assert await shop.finish(receipt, challenge, right) is Finish.LOCKED
    assert (await shop.owner(receipt))[0] is State.UNCLAIMED


async def test_guesses_at_the_same_moment_are_counted_too(shop: Shop) -> None:
    receipt = await shop.voucher()
    challenge = await shop.begin(receipt, "ava@example.com")
    guesses = [f"{number:06d}" for number in range(40) if f"{number:06d}" != shop.code()]
    ends = await asyncio.gather(*(shop.finish(receipt, challenge, guess) for guess in guesses))
    assert ends.count(Finish.WRONG_CODE) <= claims.TRIES_MAX - 1
    assert await shop.finish(receipt, challenge, shop.code()) is Finish.LOCKED


async def test_a_code_belongs_to_its_voucher_and_its_challenge(shop: Shop) -> None:
    first, second = await shop.voucher("k1"), await shop.voucher("k2")
    challenge = await shop.begin(first, "ava@example.com")
    code = shop.code()
    assert await shop.finish(second, challenge, code) is Finish.UNKNOWN
    other = await shop.begin(first, "ben@example.com")
    if shop.code() != code:
        assert await shop.finish(first, other, code) is Finish.WRONG_CODE
    assert await shop.finish(first, UUID(int=7), code) is Finish.UNKNOWN
    assert await shop.finish(first, challenge, code) is Finish.LINKED
    assert (await shop.owner(second))[0] is State.UNCLAIMED


@pytest.mark.parametrize("contact", ["nobody@example.com", "eve-states@example.com", "212-555-0143"])
async def test_an_address_that_proves_no_account_links_nobody(shop: Shop, contact: str) -> None:
    # Nobody has it; somebody states it but never proved it; two people share it. The code is right all the same.
    receipt = await shop.voucher()
    challenge = await shop.begin(receipt, contact)
    # Where accounts have it, the page does not say that there is none.
    said = Finish.NO_ACCOUNT if contact.startswith("nobody") else Finish.UNSURE
    assert await shop.finish(receipt, challenge, shop.code()) is said
    assert await shop.owner(receipt) == (State.UNCLAIMED, None)


async def test_two_people_at_once_and_only_one_gets_it(shop: Shop) -> None:
    receipt = await shop.voucher()
    tries = []
    for contact in ("ava@example.com", "ben@example.com"):
        challenge = await shop.begin(receipt, contact)
        tries.append((challenge, shop.code()))
    ends = await asyncio.gather(*(shop.finish(receipt, *one) for one in tries))
    assert sorted(ends) == [Finish.CLAIMED, Finish.LINKED]
    winner = ("A1", "A2")[ends.index(Finish.LINKED)]
    assert await shop.owner(receipt) == (State.ACTIVE, await customer_by_reference(shop.hub.db, "web", winner))


async def test_only_so_many_codes_go_out(shop: Shop) -> None:
    receipt = await shop.voucher()
    for _ in range(claims.CODES_PER_BOTH + 3):
        await shop.begin(receipt, "ava@example.com")
    assert len(shop.inbox.messages()) == claims.CODES_PER_BOTH
    for number in range(claims.CODES_PER_CREDIT):
        await shop.begin(receipt, f"somebody-{number}@example.com")
    assert len(shop.inbox.messages()) == claims.CODES_PER_CREDIT
    shop.clock.move(claims.WINDOW + timedelta(seconds=1))
    await shop.begin(receipt, "ava@example.com")
    assert len(shop.inbox.messages()) == claims.CODES_PER_CREDIT + 1


async def test_whoever_has_a_voucher_cannot_use_up_the_codes_of_an_address(shop: Shop) -> None:
    theirs, hers = await shop.voucher("theirs"), await shop.voucher("hers")
    for _ in range(4):
        for _ in range(6):
            await shop.begin(theirs, "ava@example.com")
        sent = len(shop.inbox.messages())
        await shop.begin(hers, "ava@example.com")
        assert len(shop.inbox.messages()) == sent + 1
        shop.clock.move(timedelta(hours=1, seconds=1))
    rows = await shop.hub.db.fetch(Query("kept", "SELECT count(*) AS kept FROM checkpoint.challenge WHERE NOT sent"))
    assert rows[0]["kept"] == 1


async def test_codes_asked_for_at_the_same_moment_are_counted_one_by_one(shop: Shop) -> None:
    vouchers = [await shop.voucher(f"v{number}") for number in range(claims.CODES_PER_CONTACT + 4)]
    await asyncio.gather(*(shop.begin(one, "ava@example.com") for one in vouchers))
    assert len(shop.inbox.messages()) == claims.CODES_PER_CONTACT


async def test_an_address_that_changes_hands_during_the_claim_links_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = await shop.voucher()
    challenge = await shop.begin(receipt, "ava@example.com")
    real, asked = people.customer_for_claim, iter(range(9))

    async def moved_between(tx: Any, key: Any) -> UUID | None:
        found = await real(tx, key)
        return found if next(asked) == 0 else None

    monkeypatch.setattr(people, "customer_for_claim", moved_between)
    assert await shop.finish(receipt, challenge, shop.code()) is Finish.UNSURE
    assert await shop.owner(receipt) == (State.UNCLAIMED, None)


async def test_addresses_and_what_was_sent_are_blanked_in_time(shop: Shop) -> None:
    sale = replace(SALE, given=Given(email="jane.doe@@example.com", phone="617-200-00"))
    receipt = await shop.hub.checkpoint.issue(sale, timedelta())
    assert isinstance(receipt, Receipt)
    review = await checkpoint.review_of_credit(shop.hub.db, receipt.posted.credit_id)
    assert review is not None
    assert review.sentence == "No usable identifier: the e-mail and the phone cannot be used."
    challenge = await shop.begin(receipt, "ava@example.com")
    assert await shop.finish(receipt, challenge, shop.code()) is Finish.LINKED
    contacts = Query("kept", "SELECT contact FROM checkpoint.challenge")
    await shop.hub.checkpoint.make_up()
    assert [row["contact"] for row in await shop.hub.db.fetch(contacts)] == ["ava@example.com"]
    shop.clock.move(CONTACTS_KEPT + timedelta(seconds=1))
    await shop.hub.checkpoint.make_up()
    assert [row["contact"] for row in await shop.hub.db.fetch(contacts)] == [""]
    review = await checkpoint.review_of_credit(shop.hub.db, receipt.posted.credit_id)
    assert review is not None
    assert review.given
    shop.clock.move(GIVEN_KEPT)
    await shop.hub.checkpoint.make_up()
    review = await checkpoint.review_of_credit(shop.hub.db, receipt.posted.credit_id)
    assert review is not None
    assert review.given == {}


async def test_a_voided_credit_cannot_be_claimed(shop: Shop) -> None:
    receipt = await shop.voucher()
    challenge = await shop.begin(receipt, "ava@example.com")
    credit_id = receipt.posted.credit_id
    await shop.hub.desk.post(Void(key="v1", actor="ops", occurred_at=START, credit_id=credit_id, reason="mis-keyed"))
    assert await shop.finish(receipt, challenge, shop.code()) is Finish.GONE
    assert receipt.voucher is not None
    assert (await shop.hub.claims.look(receipt.voucher.claim_code)).state is ClaimState.GONE
    assert (await shop.owner(receipt))[0] is State.VOID


@pytest.mark.parametrize("typed", ["", "nonsense", "0000-0000-0000", "' OR 1=1 --"])
async def test_codes_that_are_none(shop: Shop, typed: str) -> None:
    await shop.voucher()
    assert (await shop.hub.claims.look(typed)).state is ClaimState.UNKNOWN
    assert (await shop.hub.claims.begin(typed, "ava@example.com")).challenge_id is None
    assert not shop.inbox.messages()


async def test_a_claim_code_reads_however_it_is_typed(shop: Shop) -> None:
    receipt = await shop.voucher()
    assert receipt.voucher is not None
    code = receipt.voucher.claim_code
    for typed in (code, code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} ", code.replace("0", "O")):
        assert (await shop.hub.claims.look(typed)).state is ClaimState.OPEN


async def test_a_hub_that_died_before_the_voucher_makes_it_up(shop: Shop) -> None:
    # The ledger has an unclaimed credit; the hub was killed before it kept the voucher.
    receipt = await shop.voucher()
    await _forget(shop, receipt)
    assert receipt.voucher is not None
    assert (await shop.hub.claims.look(receipt.voucher.claim_code)).state is ClaimState.UNKNOWN
    # The register has a minute to come back with what only it knows.
    assert await shop.hub.checkpoint.make_up() == 0
    shop.clock.move(timedelta(minutes=2))
    assert await shop.hub.checkpoint.make_up() == 1
    assert (await shop.hub.claims.look(receipt.voucher.claim_code)).state is ClaimState.OPEN
    assert await shop.hub.checkpoint.make_up() == 0


async def test_what_the_register_sent_replaces_what_was_made_up(shop: Shop) -> None:
    await shop.voucher("k1")
    sale = replace(SALE, given=Given(email="ava@exmaple.com"))
    receipt = await shop.hub.checkpoint.issue(sale, timedelta())
    assert isinstance(receipt, Receipt)
    await _forget(shop, receipt)
    shop.clock.move(timedelta(minutes=2))
    assert await shop.hub.checkpoint.make_up() == 1
    review = await checkpoint.review_of_credit(shop.hub.db, receipt.posted.credit_id)
    assert review is not None
    assert review.given == {}
    assert isinstance(await shop.hub.checkpoint.issue(sale, timedelta()), Receipt)
    review = await checkpoint.review_of_credit(shop.hub.db, receipt.posted.credit_id)
    assert review is not None
    assert review.given == {"email": "ava@exmaple.com"}
    assert review.cause == "identifier-mismatch"


async def test_a_review_closes_when_its_credit_is_void(shop: Shop) -> None:
    receipt = await shop.voucher()
    credit_id = receipt.posted.credit_id
    await shop.hub.desk.post(Void(key="v1", actor="ops", occurred_at=START, credit_id=credit_id, reason="mis-keyed"))
    await shop.hub.checkpoint.make_up()
    review = await checkpoint.review_of_credit(shop.hub.db, receipt.posted.credit_id)
    assert review is not None
    assert (review.state, review.done_by) == ("done", "void")


async def test_a_code_that_never_went_out_opens_nothing(shop: Shop) -> None:
    receipt = await shop.voucher()
    challenges = [await shop.begin(receipt, "ava@example.com") for _ in range(claims.CODES_PER_BOTH + 4)]
    assert len(shop.inbox.messages()) == claims.CODES_PER_BOTH
    # Whatever is guessed for the others, and the codes of the first ones too: they were never sent.
    for challenge in challenges[claims.CODES_PER_BOTH :]:
        assert await shop.finish(receipt, challenge, shop.code()) is Finish.WRONG_CODE


async def test_an_expired_credit_is_shown_as_expired(shop: Shop) -> None:
    sale = replace(SALE, key="k9", given=Given(email="ava@example.com"), expires_at=START + timedelta(hours=1))
    receipt = await shop.hub.checkpoint.issue(sale, timedelta())
    assert isinstance(receipt, Receipt)
    now = await ledger.credit_now(shop.hub.db, receipt.posted.credit_id)
    assert now is not None
    assert (now.available(START), now.state_at(START)) == (8800, State.ACTIVE)
    late = START + timedelta(hours=1)
    assert (now.available(late), now.state_at(late)) == (0, State.EXPIRED)


async def _forget(shop: Shop, receipt: Receipt) -> None:
    for table in ("voucher", "review"):
        statement = f"DELETE FROM checkpoint.{table} WHERE credit_id = $1"  # noqa: S608 - two names of our own
        await shop.hub.db.execute(Query("test", statement), receipt.posted.credit_id)
