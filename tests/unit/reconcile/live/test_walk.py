"""A walk comes to its end, whatever the system answers."""

from collections.abc import Iterator, Sequence

import pytest

from tillbridge.reconcile.live.ports import ListingFault, Page
from tillbridge.reconcile.live.walk import EMPTY_MAX, PAUSE_MAX, TRIES, pages


class Told:
    """A system that answers what it was told to, one thing after the other; its last answer for ever."""

    def __init__(self, *answers: Page | ListingFault) -> None:
        self._answers: Iterator[Page | ListingFault] = iter(answers)
        self._last: Page | ListingFault = answers[0]
        self.asked: list[str] = []

    async def list_credits(self, after: str, limit: int) -> Page:
        assert limit > 0
        self.asked.append(after)
        self._last = next(self._answers, self._last)
        if isinstance(self._last, ListingFault):
            raise self._last
        return self._last


def page(*names: str, following: str = "") -> Page:
    return Page(tuple({"account_id": name} for name in names), following)


async def walked(system: Told, pauses: list[float] | None = None) -> Sequence[str]:
    """The accounts of a whole walk."""

    async def pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    return [str(row["account_id"]) async for one in pages(system, pause) for row in one.rows]


def passing(after: float | None = None) -> ListingFault:
    return ListingFault("it answered 503", "Ask again.", passing=True, retry_after=after)


async def test_pages_are_asked_for_by_the_place_that_the_one_before_named() -> None:
    system = Told(page("a", "b", following="2"), page(following="3"), page("c"))
    assert await walked(system) == ["a", "b", "c"]
    assert system.asked == ["", "2", "3"]


async def test_what_passes_is_asked_again_and_waited_for_as_the_system_wants() -> None:
    pauses: list[float] = []
    system = Told(passing(), page("a", following="2"), passing(7), passing(9000), page("b"))
    assert await walked(system, pauses) == ["a", "b"]
    assert system.asked == ["", "", "2", "2", "2"]
    assert pauses == [0.25, 7, PAUSE_MAX]


async def test_a_system_that_stays_away_is_given_up() -> None:
    pauses: list[float] = []
    system = Told(passing())
    with pytest.raises(ListingFault, match="answered 503"):
        await walked(system, pauses)
    assert (len(system.asked), len(pauses)) == (TRIES, TRIES - 1)


async def test_what_does_not_pass_is_not_asked_again() -> None:
    system = Told(ListingFault("it answered 401", "Mend the secret."))
    with pytest.raises(ListingFault, match="401"):
        await walked(system)
    assert len(system.asked) == 1


async def test_a_circle_is_found() -> None:
    system = Told(page("a", following="2"), page("b", following="3"), page("c", following="2"))
    with pytest.raises(ListingFault, match="named the place '2' twice"):
        await walked(system)
    assert len(system.asked) == 3


async def test_pages_without_rows_come_to_an_end() -> None:
    system = Told(*(page(following=str(number)) for number in range(1, 10_000)))
    with pytest.raises(ListingFault, match="pages without a row"):
        await walked(system)
    assert len(system.asked) == EMPTY_MAX + 1
