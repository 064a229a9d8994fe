"""The bridge: any stack is drawn, every hop says its promise and its truth, and nothing from outside is markup."""

import re
from datetime import timedelta
from xml.etree.ElementTree import Element, fromstring

import pytest

from tillbridge.stack.draw import (
    SIGNS,
    STYLE,
    HopView,
    Mark,
    Place,
    Traffic,
    Truth,
    hop_views,
    path_svg,
    path_words,
    promise,
    schedule_words,
    span_words,
    truth_of,
    truth_words,
)
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack

PLACES = {
    name: Place(name, name.title(), authority=name == "platform") for name in ("tills", "platform", "pay", "erp", "web")
}
SVG = "{http://www.w3.org/2000/svg}"


def bridge(*hops: str, truth: Truth = Truth(Mark.CONFIRMED, "1.1 s")) -> list[HopView]:  # noqa: B008 - frozen
    pairs = (hop.split(">") for hop in hops)
    return [HopView(PLACES[source], PLACES[target], "webhook · 30 s", truth) for source, target in pairs]


CHAIN = bridge("tills>platform", "platform>pay", "pay>erp", "erp>web")
STAR = bridge("tills>platform", "platform>pay", "platform>erp", "platform>web")
MIX = bridge("tills>platform", "platform>pay", "pay>erp", "platform>web", "erp>web", "tills>erp")


def drawing(hops: list[HopView]) -> Element:
    return fromstring(path_svg(hops))  # noqa: S314 - our own drawing


def texts(hops: list[HopView]) -> list[str]:
    return ["".join(text.itertext()) for text in drawing(hops).iter(f"{SVG}text")]


def tops(hops: list[HopView]) -> list[int]:
    """How far above the ground the label of each arc stands, in the order of the hops."""
    said = [text for text in drawing(hops).iter(f"{SVG}text") if (text.get("class") or "").startswith("said s")]
    return [int(text.get("y") or 0) for text in said]


@pytest.mark.parametrize("hops", [CHAIN, STAR, MIX], ids=["chain", "star", "mix"])
def test_every_system_stands_once_and_every_hop_is_an_arc(hops: list[HopView]) -> None:
    boxes = [int(box.get("x") or 0) for box in drawing(hops).iter(f"{SVG}rect")]
    assert len(boxes) == len(set(boxes)) == 5
    assert len(list(drawing(hops).iter(f"{SVG}path"))) == len(hops)
    assert len([text for text in texts(hops) if text == "webhook · 30 s"]) == len(hops)


def test_a_chain_stands_in_its_order_with_arcs_of_one_height() -> None:
    labels = [text for text in texts(CHAIN) if text in {place.label for place in PLACES.values()}]
    assert labels == ["Tills", "Platform", "Pay", "Erp", "Web"]
    assert len(set(tops(CHAIN))) == 1


def test_in_a_star_longer_arcs_rise_above_shorter_ones() -> None:
    _, pay, erp, web = tops(STAR)
    assert pay > erp > web, "the top of a drawing is its smallest y"
    assert pay - erp >= 40
    assert erp - web >= 40


def test_a_system_stands_right_of_those_that_feed_it() -> None:
    backwards = bridge("erp>web", "pay>erp", "platform>pay", "tills>platform")
    labels = [text for text in texts(backwards) if text in {place.label for place in PLACES.values()}]
    assert labels == ["Tills", "Platform", "Pay", "Erp", "Web"]


def test_a_ring_still_comes_to_an_end() -> None:
    assert path_svg(bridge("pay>erp", "erp>pay", "pay>pay"))


def test_no_hops_no_drawing() -> None:
    assert path_svg([]) == ""


def test_the_authority_stands_out() -> None:
    classes = [box.get("class") for box in drawing(CHAIN).iter(f"{SVG}rect")]
    assert classes == ["box", "box authority", "box", "box", "box"]


@pytest.mark.parametrize("mark", list(Mark))
def test_a_state_is_a_sign_and_a_word(mark: Mark) -> None:
    hops = bridge("tills>platform", truth=Truth(mark, "1.1 s"))
    assert f"{SIGNS[mark]} 1.1 s".strip() in texts(hops)
    label = drawing(hops).get("aria-label") or ""
    assert "Tills to Platform, webhook · 30 s" in label
    assert mark is Mark.QUIET or mark.value in label


def test_what_comes_from_outside_is_text() -> None:
    hostile = '<script>alert("1")</script>&\'"'
    place = Place(hostile, hostile, hostile)
    svg = path_svg([HopView(place, PLACES["web"], hostile, Truth(Mark.LATE, hostile))])
    root = fromstring(svg)  # noqa: S314 - our own drawing
    assert [element for element in root.iter() if element.tag.endswith("script")] == []
    assert hostile in (root.get("aria-label") or "")


def test_what_does_not_fit_is_cut_and_said_whole_elsewhere() -> None:
    place = Place("w", "A name that no box can hold")
    hops = [HopView(place, PLACES["web"], "promise " * 9, Truth(Mark.DEAD, "word " * 9))]
    assert max(map(len, texts(hops))) <= 34
    assert "A name that no box can hold (w)" in [title.text for title in drawing(hops).iter(f"{SVG}title")]


def test_alone_it_brings_its_own_colours_and_on_a_page_none() -> None:
    assert "<style>" in path_svg(CHAIN, STYLE)
    assert "style" not in path_svg(CHAIN)
    classes = set(re.findall(r"\.(arc|box|said|s)\b", STYLE))
    assert classes == {"arc", "box", "said", "s"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.00 s"),
        (0.0014, "0.00 s"),
        (0.14, "0.14 s"),
        (0.997, "1 s"),
        (1.1, "1.1 s"),
        (2, "2 s"),
        (9.97, "10 s"),
        (30, "30 s"),
        (90, "90 s"),
        (125, "2 min 5 s"),
        (599.7, "10 min"),
        (14 * 60, "14 min"),
        (7800, "2 h 10 min"),
        (26 * 3600, "26 h"),
        (76 * 3600, "3 d 4 h"),
        (7 * 86400, "7 d"),
    ],
)
def test_spans_for_people(seconds: float, words: str) -> None:
    assert span_words(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 2 * * *", "daily 02:00"),
        ("30 6 * * 1", "Mondays 06:30"),
        ("0 0 * * 7", "Sundays 00:00"),
        ("*/5 * * * *", "cron */5 * * * *"),
        ("0 2 1 * *", "cron 0 2 1 * *"),
    ],
)
def test_schedules_for_people(cron: str, words: str) -> None:
    assert schedule_words(cron) == words


STACK = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"
[authority]
system = "platform"
[systems.registers]
role = "pos"
connector = "csv"
[systems.platform]
role = "platform"
connector = "built-in"
[systems.erp]
role = "erp"
connector = "csv"
[systems.web]
role = "storefront"
connector = "csv"
[systems.outlet]
role = "storefront"
connector = "csv"
[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
checkpoint = true
[[hops]]
from = "platform"
to = "erp"
trigger = "batch"
schedule = "0 2 * * *"
sla = "26h"
[[hops]]
from = "platform"
to = "web"
trigger = "webhook"
sla = "60s"
[[hops]]
from = "erp"
to = "outlet"
trigger = "poll"
interval = "12h"
sla = "13h"
"""


@pytest.fixture(scope="module")
def stack() -> Stack:
    return parse(STACK, "stack.toml", {})


def test_a_stack_is_drawn_by_its_roles(stack: Stack) -> None:
    views = {
        f"{hop.source.name}-{hop.target.name}": hop for hop in hop_views(stack, {"platform-web": Truth(Mark.LATE)})
    }
    assert views["registers-platform"].source == Place("registers", "Registers")
    assert views["registers-platform"].target == Place("platform", "Platform", "source of truth", authority=True)
    assert views["platform-erp"].target == Place("erp", "ERP")
    assert views["platform-web"].target == Place("web", "web", "web store"), "two of one role go by their names"
    assert views["platform-web"].truth.mark is Mark.LATE
    assert views["platform-erp"].truth == Truth()


def test_a_hop_says_what_it_promises(stack: Stack) -> None:
    assert {hop.name: promise(hop) for hop in stack.hops} == {
        "registers-platform": "checkpoint · 2 s",
        "platform-erp": "daily 02:00 · 26 h",
        "platform-web": "webhook · 60 s",
        "erp-outlet": "every 12 h · 13 h",
    }


@pytest.mark.parametrize(
    ("traffic", "truth"),
    [
        (Traffic(), Truth(Mark.QUIET, "nothing yet")),
        (Traffic(typical=timedelta(seconds=1.1)), Truth(Mark.CONFIRMED, "1.1 s")),
        (Traffic(typical=timedelta(seconds=1.1), waiting=3), Truth(Mark.CONFIRMED, "1.1 s")),
        (Traffic(waiting=3), Truth(Mark.PENDING, "3 waiting")),
        (Traffic(typical=timedelta(1), unknown=2), Truth(Mark.UNKNOWN, "2 unknown")),
        (
            Traffic(unknown=2, late=1412, oldest=timedelta(minutes=14)),
            Truth(Mark.LATE, "1,412 late, oldest 14 min"),
        ),
        (Traffic(late=5), Truth(Mark.LATE, "5 late")),
        (Traffic(late=5, dead=1), Truth(Mark.DEAD, "1 dead")),
    ],
)
def test_the_worst_is_told_first(stack: Stack, traffic: Traffic, truth: Truth) -> None:
    assert truth_of(stack.hop("platform-web"), traffic) == truth


def test_what_waits_for_a_batch_is_told_beside_its_usual_time(stack: Stack) -> None:
    traffic = Traffic(typical=timedelta(hours=9), waiting=212)
    assert truth_of(stack.hop("platform-erp"), traffic) == Truth(Mark.PENDING, "212 waiting")


def test_the_drawing_in_words() -> None:
    late = HopView(PLACES["erp"], PLACES["web"], "webhook · 60 s", Truth(Mark.LATE, "5 late"))
    assert path_words([CHAIN[0], late]) == (
        "Tills to Platform, webhook · 30 s: confirmed, 1.1 s. Erp to Web, webhook · 60 s: 5 late."
    )
    assert truth_words(HopView(PLACES["erp"], PLACES["web"], "")) == "nothing measured"
