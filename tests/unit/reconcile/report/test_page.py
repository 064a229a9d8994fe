"""report.html: whole, safe, and told in the right order."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Final

import pytest

from tests.unit.reconcile.report.runs import BAD, BOUGHT_TWICE, ORPHAN, SIDES_READ, incomplete, many, run
from tillbridge.diagnose.model import Evidence, Nearest
from tillbridge.reconcile.model import Run
from tillbridge.reconcile.report import report_html
from tillbridge.reconcile.report.page import SHOWN_MAX, shares

OUTSIDE: Final = {"src", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href", "ping"}


class Page(HTMLParser):
    """What a page is made of; complains about tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "br"}:
            self._open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)
        level = next((tag for tag in reversed(self._open) if re.fullmatch("h[1-6]", tag)), None)
        if level:
            depth, text = self.headings[-1]
            self.headings[-1] = (depth, text + data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


def page(made: Run) -> Page:
    return Page(report_html(made))


RUNS: Final = {
    "nothing": run(),
    "few": run(ORPHAN, BOUGHT_TWICE),
    "many": many(700, currencies=("USD", "CAD", "JPY")),
    "incomplete": incomplete(ORPHAN),
    "blank": run(replace(ORPHAN, code="", transaction_id="", store="", register="", operator="", at=None, evidence=())),
}


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_loaded_and_nothing_runs(name: str) -> None:
    text, made = report_html(RUNS[name]), page(RUNS[name])
    assert not {tag for tag, _ in made.tags} & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    for _tag, attributes in made.tags:
        assert not OUTSIDE & set(attributes)
        assert not [attribute for attribute in attributes if attribute.startswith("on")]
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"url\(|@import|https?:|//", text.split("</style>")[0].replace("<!doctype", ""))


@pytest.mark.parametrize("name", RUNS)
def test_headings_go_down_a_step_at_a_time_and_links_lead_somewhere(name: str) -> None:
    made = page(RUNS[name])
    levels = [level for level, _text in made.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _tag, attributes in made.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = [attributes["href"][1:] for _tag, attributes in made.tags if "href" in attributes]
    wanted += [attributes["aria-labelledby"] for _tag, attributes in made.tags if "aria-labelledby" in attributes]
    assert set(wanted) <= set(ids)


@pytest.mark.parametrize("name", RUNS)
def test_every_picture_is_told_or_stands_beside_its_figures(name: str) -> None:
    pictures = [attributes for tag, attributes in page(RUNS[name]).tags if tag == "svg"]
    assert pictures
    assert all(one.get("aria-hidden") == "true" or (one["role"] == "img" and one["aria-label"]) for one in pictures)


def test_the_title_is_the_answers_subject() -> None:
    assert "<title>What fell through, 22 Oct to 21 Nov · Harbor &amp; Pine</title>" in report_html(run(ORPHAN))
    assert page(run()).headings[0] == (1, "Nothing fell through, 22 Oct to 21 Nov")
    assert page(run(looked_at=0, matched=0)).headings[0] == (1, "Nothing to compare, 22 Oct to 21 Nov")
    assert page(incomplete()).headings[0] == (1, "Incomplete: what fell through, 22 Oct to 21 Nov")


def test_the_explanation_comes_before_the_figures() -> None:
    text = page(run(ORPHAN, BOUGHT_TWICE)).text
    order = [
        "2 of 2,408 credits need something",
        "Is the money safe?",
        "1 credit can be spent twice: USD 50.00.",
        "credits looked at",
        "Why, and what to do first",
        "When: by day",
        "Where: by store",
        "How old",
        "How much",
        "One by one",
        "What was read",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_a_finding_is_a_till_journal_with_action_and_risk() -> None:
    text = page(run(ORPHAN)).text
    assert "5 Nov 10:27:10 registers issued 88.00 USD, refund, receipt T00210000228" in text
    assert "no time erp-web the profile of the e-mail" in text
    assert ORPHAN.action in text
    assert "The customer cannot spend what they hold." in text
    assert "A0001368, 92 of 100: the e-mail is one letter off; the same last four digits of the phone" in text


def test_codes_are_masked_wherever_they_stand() -> None:
    grouped, other = "6281-6701 7000-2304", "6005 9163 7001 2006"
    said = (Evidence(None, "erp", f"no voucher {grouped}, next to {other}, receipt T00210000228"),)
    for code in (ORPHAN.code, "GC7K2M9QX4"):
        named = (*said, Evidence(None, "erp", f"cannot post {code.lower()}."))
        text = report_html(run(replace(ORPHAN, code=code, evidence=named, action=f"Void {code}.")))
        assert f"…{code[-4:]}" in text
        assert code.lower() not in text.lower()
        assert "no voucher …2304, next to …2006, receipt T00210000228" in text


def test_unreadable_rows_keep_codes_to_themselves() -> None:
    bad = replace(BAD, name="6281670170002304", problem="the code 6281670170002304 is there twice")
    text = report_html(run(sides=(replace(SIDES_READ[0], bad_rows=1, bad=(bad,)), *SIDES_READ[1:])))
    assert "6281670170002304" not in text
    assert "the code …2304 is there twice" in text


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "</style>"]
)
def test_everything_from_outside_is_escaped(evil: str) -> None:
    near = Nearest(evil, 50, (evil,))
    finding = replace(
        ORPHAN, store=evil, register=evil, operator=evil, transaction_id=evil, code=evil, action=evil, account_id=evil,
        finding_id=evil, candidates=(near,), evidence=(Evidence(None, evil, evil),),
    )  # fmt: skip
    bad = replace(BAD, file=evil, name=evil, field=evil, problem=evil, mend=evil)
    side = replace(SIDES_READ[0], origin=evil, bad_rows=1, bad=(bad,), remarks=(evil,))
    made = run(
        finding, sides=(side,), retailer=evil, map_file=evil, engine=evil, remarks=(evil,)
    )  # fmt: skip
    tags = {tag for tag, _ in page(made).tags}
    assert not tags & {"script", "img"}
    text = report_html(made)
    assert text.count("</style>") == 1
    assert "<script" not in text
    assert "<img" not in text


def test_signs_that_turn_a_line_around_are_shown_as_boxes() -> None:
    text = report_html(run(replace(ORPHAN, operator="op\u202e42\x1b[2J\x00")))
    assert "op\N{REPLACEMENT CHARACTER}42\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}" in text


@pytest.mark.parametrize("findings", [(), (ORPHAN, BOUGHT_TWICE)])
def test_incomplete_comes_first_and_nothing_looks_settled(findings: tuple[object, ...]) -> None:
    made = incomplete(*findings)  # type: ignore[arg-type]  # findings or none
    text, html = page(made).text, report_html(made)
    first = text.index("Incomplete: 2 rows of the registers (pos.csv) could not be read.")
    assert first < text.index("Is the money safe? That cannot be said yet: not every row could be read.")
    assert "412 T00210000228 , amount '1.234,50' is no amount Write 1234.50, with a point." in text.replace(
        "T00210000228, amount", "T00210000228 , amount"
    )
    for word in ("\u2713", "\u2714", "all good", "Nothing fell through", "No difference was found:", "Yes"):
        assert word not in text
    assert "✓" not in html
    assert not re.search(r"green|--good|#1a7340|#6fce93|confirmed", html)
    assert '<body class="incomplete">' in html


def test_a_clean_page_says_what_was_compared() -> None:
    text = page(run()).text
    assert "all 2,408 credits agree on the registers, the platform, the web store and the books." in text
    assert "One by one" not in text
    assert "storefront.csv" in text


def test_the_page_does_not_depend_on_how_long_it_took_or_on_the_order() -> None:
    made = many(200)
    assert report_html(replace(made, findings=made.findings[::-1], seconds=60)) == report_html(made)


def test_each_currency_has_its_own_picture_of_amounts() -> None:
    headings = [text for _level, text in page(many(200, currencies=("USD", "JPY"))).headings]
    assert {"USD", "JPY"} <= set(headings)


@pytest.mark.parametrize(
    ("sizes", "room", "given"),
    [
        ([3, 4], 500, [3, 4]),
        ([1_000, 1_000], 500, [250, 250]),
        ([1_000, 10, 1_000], 500, [245, 10, 245]),
        ([], 500, []),
        ([600], 500, [500]),
    ],
)
def test_no_cause_pushes_another_off_the_page(sizes: list[int], room: int, given: list[int]) -> None:
    assert shares(sizes, room) == given


def test_a_hundred_thousand_findings_make_a_page_of_use() -> None:
    made = many(100_000)
    begun = time.process_time()
    html = report_html(made)
    assert time.process_time() - begun < 5
    assert len(html.encode()) < 1_500_000
    assert html.count('<details class="slip"') == SHOWN_MAX
    assert "500 of 100,000 are told here: the worst of each cause." in html
    assert "more of this cause are in findings.csv." in html
