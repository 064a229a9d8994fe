"""Random commands, in batches and from several committers at once, against the book and a plain Python model of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.ledger.postings import claim, commit_to, issue, redeem, void
from tillbridge.kernel.db import Db
from tillbridge.ledger import store
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Answer, Posted, Posting, State, Verb, first_difference

RUNS = count(1)
CREDITS, KEYS = 4, 12


@dataclass
class Model:
    """What the book must say: plain dictionaries, one command at a time."""

    balances: dict[int, int] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    answers: dict[str, tuple[str, int]] = field(default_factory=dict)

    def post(self, verb: Verb, credit: int, minor: int) -> tuple[str, int]:
        """The answer as a code (or `ok`) and the balance after."""
        state = self.states.get(credit)
        code = self._refusal(verb, state, credit, minor)
        if code:
            return code, -1
        if verb is Verb.ISSUE:
            self.states[credit], self.balances[credit] = State.UNCLAIMED if credit % 2 else State.ACTIVE, minor
        elif verb is Verb.REDEEM:
            self.balances[credit] -= minor
        elif verb is Verb.VOID:
            self.states[credit], self.balances[credit] = State.VOID, 0
        else:
            self.states[credit] = State.ACTIVE
        return "ok", self.balances[credit]

    def _refusal(self, verb: Verb, state: State | None, credit: int, minor: int) -> str:
        if verb in (Verb.ISSUE, Verb.REDEEM) and minor <= 0:
            return "amount-not-positive"
        if verb is Verb.ISSUE:
            return "code-taken" if state else ""
        if state is None:
            return "unknown-credit"
        if verb is Verb.REDEEM and state is State.UNCLAIMED:
            return "credit-pending"
        if verb is Verb.CLAIM and state is State.ACTIVE:
            return "already-claimed"
        if state is State.VOID:
            return "credit-void"
        return "not-enough-available" if verb is Verb.REDEEM and minor > self.balances[credit] else ""


COMMAND = st.tuples(
    st.sampled_from([Verb.ISSUE, Verb.ISSUE, Verb.REDEEM, Verb.REDEEM, Verb.REDEEM, Verb.VOID, Verb.CLAIM]),
    st.integers(0, CREDITS - 1),
    st.integers(0, 60),
    st.integers(0, KEYS - 1),
)


def postings_of(run: int, commands: Sequence[tuple[Verb, int, int, int]]) -> list[Posting]:
    """The commands as postings; credits have fixed ids per run, so that an issue can be repeated."""
    ids = [issue(f"{run}:{credit}").credit_id for credit in range(CREDITS)]
    return [_posting(run, ids, *command) for command in commands]


def _posting(run: int, ids: Sequence[object], verb: Verb, credit: int, minor: int, key: int) -> Posting:
    name, credit_id = f"{run}-{key}", ids[credit]
    assert hasattr(credit_id, "hex")
    if verb is Verb.ISSUE:
        state = State.UNCLAIMED if credit % 2 else State.ACTIVE
        return issue(name, minor, state=state, code=f"{run}:{credit}", credit_id=credit_id)  # type: ignore[arg-type]
    if verb is Verb.REDEEM:
        return redeem(name, credit_id, minor)  # type: ignore[arg-type]
    return void(name, credit_id) if verb is Verb.VOID else claim(name, credit_id)  # type: ignore[arg-type]


async def check_book(db: Db, postings: Sequence[Posting]) -> None:
    """Whatever happened: each credit's entries sum to zero, and its newest balance is what its own legs sum to."""
    for credit_id in {posting.credit_id for posting in postings}:
        lines = await store.statement(db, credit_id)
        assert [line.version for line in lines] == list(range(1, len(lines) + 1))
        running = 0
        for line in lines:
            running += line.amount if line.verb is Verb.ISSUE else -line.amount
            assert running == line.balance >= 0
    assert sum(total.amount for total in await store.totals(db)) == 0


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=st.lists(COMMAND, min_size=1, max_size=30), size=st.integers(1, 12))
async def test_batches_answer_as_the_model_does(db: Db, commands: list[tuple[Verb, int, int, int]], size: int) -> None:
    run, model, commit = next(RUNS), Model(), commit_to(db)
    postings = postings_of(run, commands)
    gather: Gather[Posting, Answer] = Gather(commit, lanes=1)
    answers: list[Answer] = []
    for start in range(0, len(postings), size):
        answers += await asyncio.gather(*(gather.submit(one) for one in postings[start : start + size]))
    firsts: dict[str, Posting] = {}
    expected: dict[str, tuple[str, int]] = {}
    for command, posting, answer in zip(commands, postings, answers, strict=True):
        if posting.key in firsts:
            assert answer.replay
            # Same request or not, the answer is the first one, and the first request tells which it is.
            assert first_difference(answer.request, firsts[posting.key].request) is None
        else:
            assert not answer.replay
            firsts[posting.key] = posting
            expected[posting.key] = model.post(*command[:3])
        got = ("ok", answer.result.balance) if isinstance(answer.result, Posted) else (answer.result.code, -1)
        assert got == expected[posting.key]
    await check_book(db, postings)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=st.lists(COMMAND, min_size=8, max_size=40))
async def test_committers_at_once_keep_the_book_whole(db: Db, commands: list[tuple[Verb, int, int, int]]) -> None:
    run, commit = next(RUNS), commit_to(db)
    postings = postings_of(run, commands)
    hubs: list[Gather[Posting, Answer]] = [Gather(commit), Gather(commit), Gather(commit)]
    answers = await asyncio.gather(*(hubs[n % 3].submit(one) for n, one in enumerate(postings)))
    by_key: dict[str, set[object]] = {}
    for posting, answer in zip(postings, answers, strict=True):
        by_key.setdefault(posting.key, set()).add(answer.result)
        assert sum(not one.replay for one in answers if one.key == posting.key) == 1
    assert all(len(results) == 1 for results in by_key.values())
    await check_book(db, postings)
