from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.unit.stack.maps import good
from tests.unit.stack.test_terminal import STACKS
from tillbridge.stack.assess import (
    ACCEPTED,
    API,
    ASKABLE,
    CRITERIA,
    IDEMPOTENT,
    IN_TIME,
    LINKED,
    LIVE,
    NOTHING_LOST,
    OWNED,
    PROMPTNESS,
    REPORTS,
    RHYTHM,
    Assessment,
    Criterion,
    Facts,
    Finding,
    HopAssessment,
    Measured,
    Met,
    Verdict,
    assess,
    decide,
    longest_wait,
    way_to_repair,
)

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
WEEK = AT - timedelta(days=7)


def found(*unmet: Criterion) -> tuple[Finding, ...]:
    return tuple(Finding(one, Met.NO if one in unmet else Met.YES, "") for one in CRITERIA)


def of(assessment: Assessment, hop: str) -> HopAssessment:
    return next(one for one in assessment.hops if one.hop == hop)


def said(hop: HopAssessment, criterion: Criterion) -> tuple[Met, str]:
    return next((one.met, one.evidence) for one in hop.findings if one.criterion is criterion)


@pytest.mark.parametrize(
    ("unmet", "verdict", "way"),
    [
        ((), Verdict.KEEP, ()),
        ((OWNED,), Verdict.KEEP, ()),
        ((OWNED, REPORTS), Verdict.REPAIR, ()),
        ((PROMPTNESS,), Verdict.REPAIR, ()),
        ((NOTHING_LOST, IN_TIME, ACCEPTED, LINKED, RHYTHM, ASKABLE), Verdict.REPAIR, ()),
        ((LIVE,), Verdict.REPAIR, ()),
        ((API, IDEMPOTENT), Verdict.REBUILD, (API,)),
        ((API, NOTHING_LOST), Verdict.REBUILD, (API,)),
        ((LIVE, API), Verdict.REBUILD, (API,)),
        ((LIVE, API, IDEMPOTENT), Verdict.REBUILD, (API, IDEMPOTENT)),
    ],
)
def test_the_rule(unmet: tuple[Criterion, ...], verdict: Verdict, way: tuple[Criterion, ...]) -> None:
    findings = found(*unmet)
    assert decide(findings) is verdict
    assert way_to_repair(findings) == way
    if way:
        assert decide(tuple(one for one in findings if one.criterion not in way)) is not Verdict.REBUILD


def test_what_is_not_known_counts_for_nothing() -> None:
    assert decide([Finding(one, Met.UNKNOWN, "") for one in CRITERIA]) is Verdict.KEEP


def test_nothing_measured_is_said_and_not_guessed() -> None:
    assessment = assess(good(), Facts(AT))
    for criterion in (IN_TIME, NOTHING_LOST, ACCEPTED):
        assert said(of(assessment, "erp-web"), criterion) == (Met.UNKNOWN, "not measured")
    assert said(of(assessment, "registers-platform"), LINKED) == (Met.UNKNOWN, "not measured")
    on_its_way = Facts(AT, WEEK, {"erp-web": Measured()})
    assert said(of(assess(good(), on_its_way), "erp-web"), IN_TIME) == (Met.UNKNOWN, "not measured")


def test_what_was_measured_decides_with_its_figure() -> None:
    measured = Measured(total=1000, late=11, lost=1, rejected=2, p95=timedelta(seconds=3))
    assessment = assess(good(), Facts(AT, WEEK, {"erp-web": measured}, issued=200, unlinked=30))
    hop = of(assessment, "erp-web")
    assert said(hop, IN_TIME) == (Met.NO, "11 of 1,000 late (1.10%), p95 3 s")
    assert said(hop, NOTHING_LOST) == (Met.YES, "1 of 1,000 lost (0.10%)")
    assert said(hop, ACCEPTED) == (Met.NO, "2 of 1,000 rejected (0.20%)")
    entry = of(assessment, "registers-platform")
    assert said(entry, LINKED) == (Met.NO, "30 of 200 issued without an owner (15.00%)")


def test_the_map_decides_with_its_line() -> None:
    hop = of(assess(good(), Facts(AT)), "processor-erp")
    assert said(hop, LIVE) == (Met.NO, 'systems.erp: connector = "csv"')
    assert said(hop, API) == (Met.NO, "systems.erp: capabilities = flat_file")
    assert said(hop, OWNED) == (Met.YES, "systems.erp: Books, books@shop.example")
    assert said(hop, RHYTHM) == (Met.YES, "processor-erp: 24 h between two runs at most, sla = 26 h")
    assert said(hop, PROMPTNESS)[0] is Met.NO
    assert hop.verdict is Verdict.REBUILD
    assert hop.first == API.mend
    assert hop.to_repair == (API.mend, IDEMPOTENT.mend)


def test_a_night_batch_that_promises_hours_breaks_its_promise() -> None:
    stack = good()
    hops = tuple(replace(hop, sla=timedelta(hours=2)) if hop.name == "processor-erp" else hop for hop in stack.hops)
    hop = of(assess(replace(stack, hops=hops), Facts(AT)), "processor-erp")
    assert said(hop, RHYTHM) == (Met.NO, "processor-erp: 24 h between two runs at most, sla = 2 h")


def test_what_was_parked_shows_that_it_cannot_be_asked() -> None:
    facts = Facts(AT, WEEK, {"platform-processor": Measured(total=10, lost=2, parked=2)})
    met, evidence = said(of(assess(good(), facts), "platform-processor"), ASKABLE)
    assert (met, evidence) == (Met.NO, "2 parked: it could not be asked")


def test_the_whole_is_no_better_than_its_hops() -> None:
    chain = assess(STACKS["chain"], Facts(AT))
    assert (chain.verdict, chain.why) == (Verdict.REPAIR, "1 of 4 hops to be rebuilt, 1 to be repaired")
    assert chain.first.startswith("processor-erp: ")
    assert {one.verdict for one in chain.hops} == {Verdict.KEEP, Verdict.REPAIR, Verdict.REBUILD}


@pytest.mark.parametrize(("hop", "hours"), [("erp-web", 12), ("processor-erp", 24)])
def test_the_longest_wait_is_between_two_runs(hop: str, hours: int) -> None:
    stack = good()
    assert longest_wait(stack.hop(hop), AT, ZoneInfo("Etc/GMT+5")) == timedelta(hours=hours)
