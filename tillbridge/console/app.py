"""Where the pages are: their addresses, and how they are added to an application."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from tillbridge.console import claim, map_pages, reviews, staff, vouchers
from tillbridge.console.answers import missing, page, with_headers, wrong_method
from tillbridge.console.pages import STATIC, VERSION, inbox_page
from tillbridge.console.ports import ConsolePort
from tillbridge.console.visit import DESK, Desk, Page, Visit
from tillbridge.kernel.clock import Clock

_TOKEN: Final = "{token:[A-Za-z0-9_-]{8,200}}"  # noqa: S105 - the shape of one
_UUID: Final = "{id:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}}"
_KINDS: Final = {"css": "text/css", "svg": "image/svg+xml"}

GETS: Final[Mapping[str, Page]] = {
    "/": staff.get_today,
    "/sign-in": staff.get_sign_in,
    "/credits": staff.get_credits,
    f"/credits/{_UUID}": staff.get_credit,
    "/handoffs": staff.get_handoffs,
    "/handoffs/replay": staff.get_replay,
    "/reviews": reviews.get_reviews,
    f"/reviews/{_UUID}": reviews.get_review,
    "/map": map_pages.get_map,
    "/map/path.svg": map_pages.get_drawing,
    "/map/spec.html": map_pages.get_spec_html,
    "/map/spec.pdf": map_pages.get_spec_pdf,
    "/claim": claim.get_claim,
    f"/claim/{_TOKEN}": claim.get_voucher_claim,
    f"/vouchers/{_TOKEN}.pdf": vouchers.get_voucher_pdf,
    f"/vouchers/{_TOKEN}": vouchers.get_voucher,
}
POSTS: Final[Mapping[str, Page]] = {
    "/sign-in": staff.post_sign_in,
    "/sign-out": staff.post_sign_out,
    "/handoffs/replay": staff.post_replay,
    f"/reviews/{_UUID}": reviews.post_review,
    f"/reviews/{_UUID}/undo": reviews.post_undo,
    "/handoffs/conclude": staff.post_conclude,
    "/claim": claim.post_claim,
    f"/claim/{_TOKEN}": claim.post_voucher_claim,
    f"/claim/{_TOKEN}/code": claim.post_voucher_code,
}


def add_pages(
    app: web.Application,
    port: ConsolePort,
    *,
    secret: bytes,
    clock: Clock,
    https: bool = False,
    machines: Sequence[str] = ("/v1",),
) -> None:
    """Add all pages to an application.

    `secret` (16 bytes or more) seals sign-ins and forms; hubs that share a database share it. `https` says how
    browsers reach the hub. Below the paths in `machines`, an unknown address is left to whoever serves them;
    anywhere else it gets a plain page.
    """
    inbox = port.inbox() is not None
    app[DESK] = Desk(port, secret, clock, https, inbox)
    gets = {**GETS, "/inbox": _get_inbox} if inbox else GETS
    app.router.add_routes([web.get(path, page(handler)) for path, handler in gets.items()])
    app.router.add_routes([web.post(path, page(handler)) for path, handler in POSTS.items()])
    app.router.add_get("/static/{name}", _get_static)
    app.middlewares.append(_unknown_addresses(tuple(machines)))


async def _get_inbox(visit: Visit) -> web.Response:
    """`GET /inbox`: what the demo would have sent; `?format=json` for scripts."""
    messages = visit.port.inbox() or ()
    if visit.request.query.get("format") == "json":
        return web.Response(body=msgspec.json.encode({"messages": messages}), content_type="application/json")
    await visit.identify()
    return visit.html(inbox_page(visit.frame("inbox"), messages))


async def _get_static(request: web.Request) -> web.Response:
    """A file that pages load. With the right version in its address it never changes."""
    name = request.match_info["name"]
    if name not in STATIC:
        return await page(missing)(request)
    lasting = request.query.get("v") == VERSION
    headers = {"Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache"}
    kind = _KINDS[name.rpartition(".")[2]]
    answer = web.Response(body=STATIC[name], content_type=kind, charset="utf-8", headers=headers)
    return with_headers(answer, request.app[DESK])


def _unknown_addresses(machines: tuple[str, ...]) -> Middleware:
    """Answers an address that nobody serves with a plain page, where people look."""

    @web.middleware
    async def plain_page(request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = request.match_info.http_exception
        if fault is None:
            return await handler(request)
        below = any(request.path == path or request.path.startswith(f"{path}/") for path in machines)
        if below or fault.status not in {404, 405}:
            return await handler(request)
        answer = await page(missing if fault.status == 404 else wrong_method)(request)
        if "Allow" in fault.headers:
            answer.headers["Allow"] = fault.headers["Allow"]
        return answer

    return plain_page
