"""The trace of a credit: read strictly, made from ids, the same for everything about one credit."""

import string
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.handoff.maps import AT
from tillbridge.handoff.trace import Scope, Trace, Written, read_trace, scope, span_of, trace_of

CREDIT, EVENT = UUID(int=7 << 100 | 1), UUID(int=9 << 100 | 2)
GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def digits(count: int) -> st.SearchStrategy[str]:
    """Hexadecimal digits that are not all zeros."""
    return st.text("0123456789abcdef", min_size=count, max_size=count).filter(lambda text: text.strip("0") != "")


@given(digits(32), digits(16), st.booleans())
def test_what_is_written_reads_back(trace_id: str, span_id: str, sampled: bool) -> None:
    place = Trace(trace_id, span_id, sampled)
    assert read_trace(place.text()) == place


@given(st.text(max_size=80))
def test_any_text_is_a_trace_or_none(text: str) -> None:
    found = read_trace(text)
    assert found is None or read_trace(found.text()) == found


@given(st.integers(0, len(GOOD) - 1), st.sampled_from(string.printable + "Åé٣"))
def test_a_header_with_one_wrong_sign_is_none(place: int, sign: str) -> None:
    changed = GOOD[:place] + sign + GOOD[place + 1 :]
    found = read_trace(changed)
    wrong_sign = sign not in "0123456789abcdef" and GOOD[place] != "-"
    wrong_dash = sign != "-" and GOOD[place] == "-"
    if wrong_sign or wrong_dash:
        assert found is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "-00",
        lambda text: text + " ",
        lambda text: " " + text,
        lambda text: text.upper(),
        lambda text: "ff" + text[2:],
        lambda text: text[:-1],
        lambda text: text.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        lambda text: text.replace("00f067aa0ba902b7", "0" * 16),
        lambda text: text + "\n",
        lambda text: f"{text},{text}",
    ],
)
def test_what_is_no_traceparent(change: Callable[[str], str]) -> None:
    assert read_trace(change(GOOD)) is None


def test_a_version_to_come_is_read_by_what_we_know() -> None:
    assert read_trace("01" + GOOD[2:] + "-what-follows") == read_trace(GOOD)
    assert read_trace("01" + GOOD[2:] + "what-follows") is None
    assert read_trace("01" + GOOD[2:] + "-" + "x" * 1000) is None


@pytest.mark.parametrize(("flags", "kept"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)])
def test_flags_say_whether_it_is_kept(flags: str, kept: bool) -> None:
    found = read_trace(GOOD[:-2] + flags)
    assert found is not None
    assert found.sampled is kept


def test_all_events_of_a_credit_are_in_one_trace() -> None:
    first, second = trace_of(CREDIT, None, EVENT), trace_of(CREDIT, None, CREDIT)
    assert first.trace_id == second.trace_id == CREDIT.hex
    assert first.span_id != second.span_id
    brought = trace_of(CREDIT, GOOD, EVENT)
    assert (brought.trace_id, brought.span_id) == (GOOD.split("-")[1], first.span_id)
    kept: tuple[object, ...] = ("", "nonsense", 7, ["x"], {})
    assert all(trace_of(CREDIT, nonsense, EVENT) == first for nonsense in kept)
    assert read_trace(first.text()) == first


@given(st.lists(st.tuples(st.text(max_size=5), st.integers()), min_size=2, max_size=20, unique=True))
def test_spans_of_different_things_differ(things: list[tuple[str, int]]) -> None:
    spans = [span_of(*thing) for thing in things]
    assert len(set(spans)) == len(spans)
    assert spans == [span_of(*thing) for thing in things]


def test_a_scope_knows_what_was_written_in_it() -> None:
    with scope(Scope(request_id="r")) as here:
        here.write(Written("issue", CREDIT, EVENT, "", AT, AT, first=True))
        assert (here.credit_id, here.event_id, here.trace_id) == (str(CREDIT), str(EVENT), CREDIT.hex)
        # A later event is in the trace of the first, which only the database knows.
        other = Scope(trace_id="t")
        other.write(Written("redeem", CREDIT, EVENT, "", AT, AT, first=False))
        assert other.trace_id == "t"
