"""One request to a page: the browser it comes from, who is signed in there, and what its form brought."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aiohttp import web

from tillbridge.console.pages import Frame, Notice
from tillbridge.console.ports import ConsolePort
from tillbridge.console.seals import form_token, is_our_form, key_id_of, session
from tillbridge.console.views import Staff
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.ids import secret_token

SESSION_TIME: Final = timedelta(hours=12)
FORM_BYTES_MAX: Final = 8192
_FIELD_MAX: Final = 1000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BROWSER: Final = re.compile(r"[\w-]{20,64}", re.ASCII)

_NOT_OURS: Final = Notice(
    "This form could not be used",
    (
        "It was not sent from this page, or the page had been open for too long. Nothing was changed.",
        "Go back, load the page anew and send it again. Your browser has to allow this site’s cookies.",
    ),
)
TOO_LARGE: Final = Notice("That was too much", ("The form is larger than any form of ours. Nothing was changed.",))
_NO_FORM: Final = Notice("That was no form", ("What was sent is not a form of this page. Nothing was changed.",))


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page needs: the hub, the secret it signs with, the clock, and whether it is reached by https."""

    port: ConsolePort
    secret: bytes
    clock: Clock
    https: bool
    inbox: bool

    def cookie(self, name: str) -> str:
        """A cookie's name: with the prefix that binds it to this very host, where https allows it."""
        return f"__Host-{name}" if self.https else name


DESK: Final = web.AppKey("DESK", Desk)


class Refused(Exception):
    """The request is answered with a notice and a status, and nothing else was done."""

    def __init__(self, status: int, notice: Notice) -> None:
        super().__init__(notice.heading)
        self.status = status
        self.notice = notice


class Visit:
    """One request to a page: the browser it comes from, and who is signed in there."""

    def __init__(self, request: web.Request, desk: Desk) -> None:
        self.request = request
        self.desk = desk
        self.port = desk.port
        self.staff: Staff | None = None
        known = request.cookies.get(desk.cookie("tillbridge-form"), "")
        self._known_browser = bool(_BROWSER.fullmatch(known))
        self._browser = known if self._known_browser else secret_token(24)
        self._session = request.cookies.get(desk.cookie("tillbridge"), "")

    def frame(self, section: str = "") -> Frame:
        """What is around a page of this visit."""
        form = form_token(self.desk.secret, self._browser, self._session)
        return Frame(self.port.shop, form, self.staff, section, self.desk.inbox)

    def html(self, text: str, status: int = 200) -> web.Response:
        """A page as an answer."""
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")

    def see(self, path: str) -> web.Response:
        """Send the browser to another page of ours."""
        return web.Response(status=303, headers={"Location": path})

    async def identify(self) -> Staff | None:
        """Who is signed in; asked anew on every visit, so that a revoked key is out at once."""
        key_id = key_id_of(self.desk.secret, self._session, self.desk.clock.now()) if self._session else None
        self.staff = await self.port.staff(key_id) if key_id else None
        return self.staff

    async def form(self) -> Mapping[str, str]:
        """What a form of ours brought, by field. Raises Refused: too large, no form, or not one that we made here."""
        _refuse_foreign(self.request)
        fields = await _fields(self.request)
        given = fields.get("form", "")
        if not (self._known_browser and is_our_form(self.desk.secret, self._browser, self._session, given)):
            raise Refused(403, _NOT_OURS)
        return fields

    def remember_browser(self, response: web.StreamResponse) -> None:
        """Give the browser the cookie that its forms have to fit."""
        if not self._known_browser:
            self._set(response, "tillbridge-form", self._browser)

    def sign_in(self, response: web.StreamResponse, staff: Staff) -> None:
        """Let the browser be signed in for the next 12 hours."""
        until = self.desk.clock.now() + SESSION_TIME
        self._set(response, "tillbridge", session(self.desk.secret, staff.key_id, until))

    def sign_out(self, response: web.StreamResponse) -> None:
        """Take the sign-in back."""
        self._set(response, "tillbridge", "", max_age=0)

    def _set(self, response: web.StreamResponse, name: str, value: str, max_age: int | None = None) -> None:
        response.set_cookie(
            self.desk.cookie(name),
            value,
            max_age=max_age,
            path="/",
            secure=self.desk.https,
            httponly=True,
            samesite="Strict",
        )


Page = Callable[[Visit], Awaitable[web.Response]]
"""What makes the answer to one visit."""


def _refuse_foreign(request: web.Request) -> None:
    """Browsers say where a form was sent from; another site's is refused before it is read."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Refused(403, _NOT_OURS)


async def _fields(request: web.Request) -> Mapping[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(415, _NO_FORM)
    if (request.content_length or 0) > FORM_BYTES_MAX:
        raise Refused(413, TOO_LARGE)
    try:
        posted = await request.post()
    except (UnicodeDecodeError, ValueError, LookupError):
        raise Refused(400, _NO_FORM) from None
    return {
        name: _CONTROL.sub("", value).strip()[:_FIELD_MAX] for name, value in posted.items() if isinstance(value, str)
    }
