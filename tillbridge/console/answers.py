"""How each page leaves: with its headers, and with a plain page instead of a failure."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Final

from aiohttp import web

from tillbridge.console.pages import Notice, notice_page
from tillbridge.console.visit import DESK, TOO_LARGE, Desk, Page, Refused, Visit
from tillbridge.kernel.errors import DatabaseAway, NotFound, TryAgain

_LOG = logging.getLogger(__name__)

HEADERS: Final[Mapping[str, str]] = {
    # Inline styles and scripts are refused too; the pages have none.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Addresses hold claim tokens: no other site hears them. (no-referrer would hide the origin of our own forms.)
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.Response]]

MISSING: Final = Notice(
    "There is no such page", ("The address may be mistyped, or what it stood for is gone.",), ("To the start", "/")
)
_AWAY: Final = Notice(
    "Back in a moment",
    (
        "The books cannot be reached right now, so this page cannot be shown. No credit is lost.",
        "Load the page again in a minute.",
    ),
)
_BROKEN: Final = Notice(
    "Something went wrong on our side",
    ("No credit is lost. The fault was written down; load the page again, or ask in the store.",),
)
_METHOD: Final = Notice("That cannot be done here", ("This page takes no such request. Nothing was changed.",))


def page(handler: Page) -> Handler:
    """Make a page of a handler: it gets a Visit, its failures become plain pages, its answer the headers of ours."""

    @wraps(handler)
    async def answer(request: web.Request) -> web.Response:
        visit = Visit(request, request.app[DESK])
        response = await _answered(handler, visit)
        visit.remember_browser(response)
        return with_headers(response, visit.desk)

    return answer


def with_headers(response: web.Response, desk: Desk) -> web.Response:
    """The answer, with the headers that every page has."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if desk.https:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


async def _answered(handler: Page, visit: Visit) -> web.Response:
    try:
        return await handler(visit)
    except Refused as refused:
        return _notice(visit, refused.status, refused.notice)
    except NotFound:
        return _notice(visit, 404, MISSING)
    except (DatabaseAway, TryAgain):
        response = _notice(visit, 503, _AWAY)
        response.headers["Retry-After"] = "10"
        return response
    except web.HTTPException as error:
        return _notice(visit, error.status, {404: MISSING, 405: _METHOD, 413: TOO_LARGE}.get(error.status, _BROKEN))
    except Exception:
        _LOG.exception("The page %s failed", visit.request.match_info.route.name or visit.request.method)
        return _notice(visit, 500, _BROKEN)


def _notice(visit: Visit, status: int, notice: Notice) -> web.Response:
    return visit.html(notice_page(visit.frame(), notice), status)


async def missing(_visit: Visit) -> web.Response:
    """The page for an address that is none."""
    raise Refused(404, MISSING)


async def wrong_method(_visit: Visit) -> web.Response:
    """The page for a request that an address does not take."""
    raise Refused(405, _METHOD)
