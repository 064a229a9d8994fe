"""Promises are looked at once, when they have run out."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.handoff.maps import AT, CHAIN, MIX, STAR
from tillbridge.handoff.model import Kept, Ripe
from tillbridge.handoff.promise import STEP, STEPS_MAX, WINDOW, Promises, promised_by
from tillbridge.stack.model import Stack


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_each_hop_of_a_chain_has_its_own_time() -> None:
    by = {hop.name: promised_by(CHAIN, hop, AT) for hop in CHAIN.deliveries()}
    assert by["platform-pay"] == AT + seconds(30)
    assert by["platform-pay"] < by["pay-erp"] < by["erp-web"]


def test_a_span_is_ripe_when_all_of_it_is_past_its_deadline() -> None:
    promises = Promises(MIX, AT)
    assert promises.ripe(AT + seconds(29)) == []
    ripe = {span.hop: span for span in promises.ripe(AT + seconds(61))}
    assert ripe["platform-pay"] == Ripe("platform-pay", AT, AT + 6 * STEP)
    assert "pay-erp" not in ripe


@given(st.sampled_from([CHAIN, STAR, MIX]), st.lists(st.floats(0, 3000), min_size=1, max_size=15))
def test_spans_follow_each_other_without_a_gap(stack: Stack, moments: list[float]) -> None:
    promises, edges = Promises(stack, AT), {hop.name: AT for hop in stack.deliveries()}
    for at in (AT + seconds(moment) for moment in moments):
        spans = promises.ripe(at)
        for span in spans:
            hop = next(hop for hop in stack.hops if hop.name == span.hop)
            assert span.begin == edges[span.hop] < span.end <= span.begin + STEPS_MAX * STEP
            assert promised_by(stack, hop, span.end) < at
            edges[span.hop] = span.end
        promises.look(spans, [], at)


def test_counts_add_up_and_leave_the_last_hour() -> None:
    promises = Promises(MIX, AT)
    at = AT + seconds(60)
    promises.look(promises.ripe(at), [Kept("platform-pay", 10, 9)], at)
    later = at + WINDOW - seconds(1)
    promises.look(promises.ripe(later), [Kept("platform-pay", 5, 5)], later)
    pay = Kept("platform-pay", 15, 14)
    assert pay in promises.since_start()
    assert pay in promises.last_hour(later)
    assert Kept("platform-pay", 5, 5) in promises.last_hour(at + WINDOW)
    assert Kept("platform-pay", 0, 0) in promises.last_hour(later + WINDOW)
    assert pay in promises.since_start()
