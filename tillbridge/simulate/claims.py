"""A customer claims a voucher as anybody would: opens the page, says who they are, reads the code, types it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin

import aiohttp
import msgspec

_CODE: Final = re.compile(r"(?<![\w+-])(?<!\d )\d{3} ?\d{3}(?![\w-]| \d)")
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)


class Message(msgspec.Struct, frozen=True):
    """One message of the demo's inbox."""

    to: str
    subject: str = ""
    text: str = ""
    sent_at: str = ""


class Inbox(msgspec.Struct, frozen=True):
    """What the demo's inbox holds."""

    messages: Sequence[Message]


@dataclass(frozen=True, slots=True)
class Claimed:
    """How a claim ended: `done`, or the step at which it stopped and the page's status there."""

    done: bool
    step: str
    status: int


@dataclass(slots=True)
class _Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """The forms of a page, with what their fields hold already."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Note each form, and each named field of the form that is open."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(_Form(values.get("action", "")))
        elif tag in {"input", "button"} and self.forms and values.get("name"):
            self.forms[-1].fields[values["name"]] = values.get("value", "")


def form_with(page: str, name: str) -> tuple[str, Mapping[str, str]] | None:
    """Where the form that asks for `name` is sent, and what its fields hold; None when the page has no such form."""
    parser = _Forms()
    parser.feed(page)
    return next(((form.action, form.fields) for form in parser.forms if name in form.fields), None)


def code_for(contact: str, messages: Sequence[Message]) -> str | None:
    """The one-time code in the newest message to this contact."""
    ours = [message for message in messages if message.to.strip().lower() == contact.strip().lower()]
    for message in sorted(ours, key=lambda one: one.sent_at, reverse=True):
        found = _CODE.search(message.text)
        if found is not None:
            return re.sub(r"\D", "", found.group())
    return None


async def claim_voucher(hub_url: str, claim_url: str, contact: str) -> Claimed:
    """Claim one voucher through the pages, as one browser with its own cookies. `contact` is an e-mail or a phone."""
    # Loopback addresses have no name, and a careful jar takes no cookies from those.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=jar) as browser:
        try:
            return await _claim(browser, hub_url, claim_url, contact)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Claimed(False, "no-answer", 0)


async def _claim(browser: aiohttp.ClientSession, hub_url: str, claim_url: str, contact: str) -> Claimed:
    async with browser.get(claim_url) as opened:
        page, at, status = await opened.text(), str(opened.url), opened.status
    form = form_with(page, "contact")
    if form is None:
        return Claimed(False, "contact", status)
    async with browser.post(urljoin(at, form[0]), data={**form[1], "contact": contact}) as asked:
        page, at, status = await asked.text(), str(asked.url), asked.status
    form = form_with(page, "code")
    if form is None:
        return Claimed(False, "code", status)
    async with browser.get(f"{hub_url}/inbox", params={"format": "json"}) as inbox:
        messages = _messages(await inbox.read())
    code = code_for(contact, messages)
    if code is None:
        return Claimed(False, "inbox", inbox.status)
    async with browser.post(urljoin(at, form[0]), data={**form[1], "code": code}) as typed:
        return Claimed(typed.status in {200, 201}, "typed", typed.status)


def _messages(body: bytes) -> Sequence[Message]:
    try:
        return msgspec.json.decode(body, type=Inbox).messages
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()
