"""Each page as a function of frozen values to HTML. What is put in is escaped; nothing here asks or decides."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tillbridge.checkpoint.voucher import qr_svg
from tillbridge.connectors.inbox import Message
from tillbridge.console import words
from tillbridge.console.map_views import MapView
from tillbridge.console.views import (
    HANDOFF_FILTERS,
    ConflictLine,
    CreditLine,
    CreditView,
    HandoffLine,
    HandoffPage,
    ReviewPage,
    ReviewView,
    Shop,
    Staff,
    TodayView,
    VoucherView,
)
from tillbridge.stack.draw import SIGNS, path_svg, truth_words

STATIC: Final = {
    name: resources.files("tillbridge.console").joinpath("static", name).read_bytes()
    for name in ("look.css", "mark.svg")
}
"""The files the pages load, by name. Nothing else is loaded, from nowhere else."""

VERSION: Final = hashlib.sha256(b"".join(STATIC.values())).hexdigest()[:12]
"""Stands in the address of the files above, so that browsers may keep them for ever."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is around every page: whose it is, who looks, the seal of its forms, and where one is."""

    shop: Shop
    form: str
    staff: Staff | None = None
    section: str = ""
    inbox: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A page that says one thing: a heading, sentences, and where to go from there (label and address)."""

    heading: str
    sentences: tuple[str, ...]
    onward: tuple[str, str] | None = None


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tillbridge.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        money=words.money,
        short_time=words.short_time,
        exact_time=words.exact_time,
        long_day=words.long_day,
        truth_words=truth_words,
    )
    environment.globals.update(
        version=VERSION,
        signs=SIGNS,
        badge_of=words.badge_of,
        zone_words=words.zone_words,
        share=words.share,
        met_badge=words.met_badge,
        verdict_sign=words.verdict_sign,
    )
    return environment


_PAGES: Final = _environment()


def _page(name: str, frame: Frame, **values: object) -> str:
    return _PAGES.get_template(name).render(frame=frame, shop=frame.shop, **values)


def notice_page(frame: Frame, notice: Notice) -> str:
    """A page that says one thing."""
    return _page("notice.html", frame, notice=notice)


def voucher_page(frame: Frame, token: str, view: VoucherView) -> str:
    """The voucher as it is printed. Our own code is put in as it is: it is drawn here, from no one's text."""
    voucher = view.voucher
    return _page("voucher.html", frame, token=token, voucher=voucher, qr=Markup(qr_svg(voucher.claim_url)))  # noqa: S704


def claim_code_page(frame: Frame, typed: str = "", problem: str = "") -> str:
    """Where the claim code on the voucher is typed."""
    return _page("claim_type.html", frame, typed=typed, problem=problem)


def claim_contact_page(frame: Frame, token: str, view: VoucherView, typed: str = "", problem: str = "") -> str:
    """What is waiting, and where a code may be sent to."""
    return _page("claim_contact.html", frame, token=token, voucher=view.voucher, typed=typed, problem=problem)


def claim_sent_page(frame: Frame, token: str, challenge: str, problem: str = "") -> str:
    """Where the six digits are typed. It is the same page for everybody."""
    return _page("claim_sent.html", frame, token=token, challenge=challenge, problem=problem)


def claim_done_page(frame: Frame, view: VoucherView) -> str:
    """The credit is where it belongs."""
    return _page("claim_done.html", frame, voucher=view.voucher)


def sign_in_page(frame: Frame, onward: str, problem: str = "") -> str:
    """Where staff show their key."""
    return _page("sign_in.html", frame, onward=onward, problem=problem)


def today_page(frame: Frame, view: TodayView) -> str:
    """What needs me?"""
    return _page("today.html", frame, view=view, path=Markup(path_svg(view.hops)))  # noqa: S704 - escaped in there


def credit_page(frame: Frame, view: CreditView, said: str = "") -> str:
    """Where is my credit?"""
    path = Markup(path_svg(view.hops))  # noqa: S704 - escaped in there
    return _page("credit.html", frame, view=view, path=path, days=tuple(words.days(view.facts, frame.shop)), said=said)


def found_page(frame: Frame, asked: str, lines: Sequence[CreditLine]) -> str:
    """Which credit do you mean?"""
    return _page("found.html", frame, asked=asked, lines=lines)


def handoffs_page(frame: Frame, state: str, page: HandoffPage) -> str:
    """What did not arrive?"""
    return _page("handoffs.html", frame, state=state, page=page, filters=HANDOFF_FILTERS)


def replay_page(frame: Frame, line: HandoffLine) -> str:
    """Send it once more? Asked before it is done."""
    return _page("replay.html", frame, line=line)


def reviews_page(frame: Frame, page: ReviewPage) -> str:
    """Whose credit is it?"""
    return _page("reviews.html", frame, page=page)


def map_page(frame: Frame, view: MapView) -> str:
    """Where do credits get lost?"""
    return _page("map.html", frame, view=view, path=Markup(path_svg(view.hops)))  # noqa: S704 - escaped in there


def review_page(frame: Frame, view: ReviewView, key: str, problem: str = "", typed: str = "") -> str:
    """Is it one of these? `key` belongs to the form; `typed` is the evidence as it was typed."""
    return _page("review.html", frame, view=view, line=view.line, key=key, problem=problem, typed=typed)


def conflict_page(frame: Frame, line: ConflictLine, key: str, problem: str = "", typed: str = "") -> str:
    """Whose is it of these? `key` belongs to the form; `typed` is the evidence as it was typed."""
    return _page("conflict.html", frame, line=line, key=key, problem=problem, typed=typed)


def inbox_page(frame: Frame, messages: Sequence[Message]) -> str:
    """What would have been sent?"""
    return _page("inbox.html", frame, messages=messages)
