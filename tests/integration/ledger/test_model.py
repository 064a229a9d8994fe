"""Random commands of every verb, from several clients at once through two hubs, against a plain Python book.

Order is free where clients run at once, so the order is read off the ledger: batches in the order of the chain, whose
end is locked from the writing to the commit, and commands in a batch as the batch lists them. Every answer, refusal,
repeat and balance must be what the plain book answers when it is given the same commands in that order, one by one. As
a client names only credits and holds that it, or somebody, was already answered about, that order respects real time.
Nobody waits for a clock: each commit is at a moment of its own, a minute on, so that holds and credits end.
"""

import asyncio
import random
from itertools import count

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.integration.ledger.book_model import Book, done_of
from tests.integration.ledger.clients import VERBS, Shop, client
from tests.integration.ledger.postings import standing
from tests.integration.ledger.wholeness import check_whole
from tillbridge.kernel.db import Db
from tillbridge.ledger import store
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Answer, Posted, Posting, Verb, first_difference

RUNS = count(1)


async def replayed(shop: Shop) -> Book:
    """The plain book after the same commands in the order of the chain; every answer must have been the same."""
    book = Book()
    for batch in shop.in_order():
        expected = book.batch(batch.at, batch.postings)
        for posting, answer, (repeat, said) in zip(batch.postings, batch.answers, expected, strict=True):
            assert answer.replay == repeat, posting
            if not repeat:
                got = done_of(answer.result) if isinstance(answer.result, Posted) else answer.result.code
                assert got == said, posting
    return book


async def check_repeats(shop: Shop, book: Book) -> None:
    """Each repeat was given the first answer, whole, and says what was asked the first time."""
    for answer in (answer for batch in shop.log for answer in batch.answers if answer.replay):
        whole = (await store.whole(shop.db, answer)).result
        got = done_of(whole) if isinstance(whole, Posted) else whole.code
        assert got == book.answers[answer.key]
        assert any(first_difference(answer.request, one.request) is None for one in shop.asked[answer.key])


async def check_credits(shop: Shop, book: Book) -> None:
    """Each credit stands as it does in the plain book."""
    for credit_id, card in book.cards.items():
        now = await standing(shop.db, credit_id)
        assert (now.balance, now.held, now.state, now.version) == (card.balance, card.held, card.state, card.version)
        assert (now.owner, now.expires_at) == (card.owner, card.expires_at)
        holds = await store.holds_of_credit(shop.db, credit_id)
        assert {one.hold_id: (one.remaining, one.expires_at) for one in holds} == card.holds


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(seed=1, clients=2, size=2, hubs=2)  # a transfer between two credits that both cannot: which is said first
@example(seed=7, clients=6, size=9, hubs=2)
@given(seed=st.integers(0, 2**32), clients=st.integers(1, 6), size=st.integers(1, 12), hubs=st.integers(1, 2))
async def test_clients_at_once_are_answered_as_the_plain_book_does(
    db: Db, seed: int, clients: int, size: int, hubs: int
) -> None:
    run = next(RUNS)
    shop = Shop(db, random.Random(seed), str(run))
    gathers: list[Gather[Posting, Answer]] = [Gather(shop.commit) for _ in range(hubs)]
    await client(shop, gathers[0], [Verb.ISSUE, Verb.ISSUE, Verb.ISSUE, Verb.IMPORT], 4)
    works = [[shop.chance.choice(VERBS) for _ in range(180 // clients)] for _ in range(clients)]
    await asyncio.gather(*(client(shop, gathers[n % hubs], verbs, size) for n, verbs in enumerate(works)))
    book = await replayed(shop)
    await check_repeats(shop, book)
    await check_credits(shop, book)
    if run % 3 == 0:
        await store.fold(db)
    await check_whole(db)
