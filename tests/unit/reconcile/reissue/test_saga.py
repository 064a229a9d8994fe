"""The saga on an outside platform, killed and cut off at every call: never two live credits, at the end exactly one."""

import asyncio
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reconcile.reissue.platform import Crash, Credit, FakeJournal, FakePlatform, Fate
from tests.unit.reconcile.reissue.values import item
from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.reissue.model import NEXT, WORKING, Item, Reason, State
from tillbridge.reconcile.reissue.ports import Arrival, Asked, NotThere, Shown, Sight
from tillbridge.reconcile.reissue.run import Repair
from tillbridge.reconcile.reissue.saga import Saga

FAULTS = ("ok", "lost-before", "lost-after", "crash-before", "crash-after")
RUNS_MAX = 60


class Web:
    """One web store, and what it says."""

    def __init__(self, sight: Sight, platform: FakePlatform, spends: int) -> None:
        self.sight, self.platform, self.spends = sight, platform, spends

    async def ask(self, item: Item) -> list[Asked]:
        self.platform.spend(item.credit, self.spends)
        return [Asked("web", True, False, self.sight)]


async def arrived(_: Item) -> Arrival:
    return Arrival(True, "The account shows it.")


def driven(
    faults: list[str], *, sight: Sight | None = None, early: int = 0, late: int = 0, stubborn: bool = False
) -> tuple[FakePlatform, FakeJournal]:  # fmt: skip
    """Run an item through the saga, again and again until it is over. `early` is spent before the first run, `late`
    while the channels are asked; `stubborn` has faults all the time, until the runs are up."""
    fate = Fate(iter(faults * 50 if stubborn else faults))
    platform = FakePlatform(fate, {"C1": Credit(2500)})
    platform.spend("C1", early)
    journal = FakeJournal(fate, item(credit="C1"))
    for _ in range(RUNS_MAX):
        repair = Repair(journal, Saga(platform, arrived), Web(sight or NotThere(), platform, late))
        try:
            asyncio.run(repair.mend(journal.item, "ann"))
        except Crash:
            continue
        finally:
            platform.check()
        if journal.item.state not in WORKING and next(fate.faults, None) is None:
            asyncio.run(repair.mend(journal.item, "ann"))
            break
    return platform, journal


def check_over(platform: FakePlatform, journal: FakeJournal) -> None:
    """Exactly one live credit: the new one, or the original alone and free."""
    live = {name: credit for name, credit in platform.credits.items() if credit.live}
    assert len(live) == 1
    ((name, credit),) = live.items()
    assert all(after in NEXT[before] for before, after in pairwise([State.PLANNED, *map(State, journal.steps)]))
    if journal.item.state is State.CONFIRMED:
        assert (name, credit.balance, credit.instead_of) == (journal.item.new_credit, 2500, "C1")
    else:
        assert journal.item.state in (State.LEFT, State.PERSON)
        assert (name, credit.frozen) == ("C1", False)
    assert platform.issues == (journal.item.state is State.CONFIRMED)


@given(st.lists(st.sampled_from(FAULTS), max_size=40), st.sampled_from([0, 1, 100]))
@settings(max_examples=400, deadline=None)
def test_whatever_is_lost_or_dies_there_is_one_live_credit_at_the_end(faults: list[str], early: int) -> None:
    platform, journal = driven(faults, early=early, late=5)
    check_over(platform, journal)
    assert journal.item.state is (State.LEFT if early else State.CONFIRMED)


@given(st.lists(st.sampled_from(FAULTS), max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_run_that_backs_out_gives_the_original_back_wherever_it_dies(faults: list[str]) -> None:
    platform, journal = driven(faults, sight=Shown("A2", False, "the account A2 shows 25.00 USD."))
    check_over(platform, journal)
    assert (journal.item.state, journal.item.reason) == (State.PERSON, Reason.ELSEWHERE)


@given(st.lists(st.sampled_from(FAULTS), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_under_faults_without_end_there_are_never_two(faults: list[str]) -> None:
    platform, _ = driven(faults, stubborn=True)
    platform.check()


@pytest.mark.parametrize(("first", "second"), list(product(range(24), ("crash-before", "crash-after"))))
def test_each_call_is_the_last_one_of_a_run(first: int, second: str) -> None:
    platform, journal = driven(["ok"] * first + [second])
    check_over(platform, journal)
    assert journal.item.state is State.CONFIRMED


@pytest.mark.parametrize("fault", ["lost-before", "lost-after"])
@pytest.mark.parametrize("first", range(24))
def test_from_any_call_on_nothing_is_heard_for_a_while(first: int, fault: str) -> None:
    for length in range(1, 16):
        platform, journal = driven(["ok"] * first + [fault] * length)
        check_over(platform, journal)
        assert journal.item.state is State.CONFIRMED


@pytest.mark.parametrize("first", range(24))
def test_orders_are_lost_and_questions_answered_and_the_other_way_round(first: int) -> None:
    for pattern in (["ok", "lost-before"], ["lost-before", "ok"], ["ok", "lost-after"], ["lost-after", "ok"]):
        platform, journal = driven(["ok"] * first + pattern * 6)
        check_over(platform, journal)


def test_the_steps_are_all_there_are_and_in_order() -> None:
    _, journal = driven([])
    assert journal.steps == ["frozen", "proved", "voided", "reissued", "handed", "confirmed"]


def test_every_call_of_a_run_is_among_those_that_die() -> None:
    platform, _ = driven([])
    assert 12 < platform.fate.calls < 24


def test_a_new_credit_that_the_platform_refuses_is_owed_and_said_to_be() -> None:
    fate = Fate(iter(()))
    platform = FakePlatform(fate, {"C1": Credit(2500)}, refuses_to_issue=True)
    journal = FakeJournal(fate, item(credit="C1"))
    repair = Repair(journal, Saga(platform, arrived), Web(NotThere(), platform, 0))
    seen = asyncio.run(repair.mend(journal.item, "ann"))
    assert (journal.item.state, seen.state) == (State.VOIDED, State.VOIDED)
    assert "the new credit is owed: The account is closed." in seen.sentence


def test_a_platform_that_cannot_void_is_told_before_anything_is_done() -> None:
    platform = FakePlatform(Fate(iter(())), {"C1": Credit(2500)}, capabilities=frozenset({"freeze", "issue", "probe"}))
    with pytest.raises(BadInput, match="it cannot void"):
        Saga(platform, arrived)
    assert not platform.answers


def test_what_somebody_else_holds_back_is_left() -> None:
    fate = Fate(iter(()))
    platform = FakePlatform(fate, {"C1": Credit(2500, frozen=True)})
    journal = FakeJournal(fate, item(credit="C1"))
    asyncio.run(Repair(journal, Saga(platform, arrived), Web(NotThere(), platform, 0)).mend(journal.item, "ann"))
    assert (journal.item.state, journal.item.reason) == (State.LEFT, Reason.FROZEN)
    assert platform.credits["C1"].frozen
