"""What support and operations look at, behind a sign-in with an API key."""

from functools import wraps
from typing import Final
from urllib.parse import quote
from uuid import UUID

from aiohttp import web

from tillbridge.console.pages import (
    Notice,
    credit_page,
    found_page,
    handoffs_page,
    replay_page,
    sign_in_page,
    today_page,
)
from tillbridge.console.views import HANDOFF_FILTERS, Staff
from tillbridge.console.visit import Page, Refused, Visit
from tillbridge.kernel.errors import BadInput, NotFound

_SAID: Final = {
    "replayed": "The handoff is on its way again. Its line in the trail will say how it went.",
    "linked": "The credit is linked, and on its way to the customer's account.",
    "left": "The credit stays unclaimed. Its voucher can be claimed as before.",
    "undone": "The link was taken back. This credit stands in for the one that was linked, and waits to be claimed.",
    "waits": "The decision was taken back: the review waits again.",
    "seen": "Written down: the system has it. What waited for that goes on.",
    "given-up": "Written down: it is not there, and is given up. It can still be replayed.",
    "not-concluded": "Nothing was changed: the handoff no longer waits for a person.",
    "not-replayed": "There was nothing to replay: the handoff is on its way or confirmed.",
}
_MAY_NOT: Final = Notice(
    "Your key may not replay",
    ("Nothing was sent. Ask somebody whose key has the replay right.",),
    ("To the start", "/"),
)
NO_CURSOR: Final = Notice(
    "This list has moved on", ("Its next page cannot be found any more. Start from its top.",), ("To the start", "/")
)


def staff_only(handler: Page) -> Page:
    """Let in who is signed in; send everyone else to the sign-in, and from there back."""

    @wraps(handler)
    async def answer(visit: Visit) -> web.Response:
        if await visit.identify() is None:
            onward = visit.request.path_qs if visit.request.method == "GET" else "/"
            return visit.see(f"/sign-in?onward={quote(onward, safe='/')}")
        return await handler(visit)

    return answer


async def get_sign_in(visit: Visit) -> web.Response:
    """`GET /sign-in`: where staff show their key."""
    return visit.html(sign_in_page(visit.frame(), _own_path(visit.request.query.get("onward", "/"))))


async def post_sign_in(visit: Visit) -> web.Response:
    """`POST /sign-in`: a key with the console right opens the pages for 12 hours."""
    fields = await visit.form()
    onward = _own_path(fields.get("onward", "/"))
    key = fields.get("key", "")
    staff = await visit.port.sign_in(key) if key else None
    if staff is None:
        problem = "This key is not known here, or it may not open these pages."
        return visit.html(sign_in_page(visit.frame(), onward, problem), 403)
    response = visit.see(onward)
    visit.sign_in(response, staff)
    return response


async def post_sign_out(visit: Visit) -> web.Response:
    """`POST /sign-out`: this browser is out; the key itself stays as it is."""
    await visit.form()
    response = visit.see("/sign-in")
    visit.sign_out(response)
    return response


@staff_only
async def get_today(visit: Visit) -> web.Response:
    """`GET /`: what needs me?"""
    return visit.html(today_page(visit.frame("today"), await visit.port.today()))


@staff_only
async def get_credit(visit: Visit) -> web.Response:
    """`GET /credits/{id}`: where is my credit?"""
    view = await visit.port.credit(UUID(visit.request.match_info["id"]))
    if view is None:
        raise NotFound("credit", visit.request.match_info["id"])
    said = _SAID.get(visit.request.query.get("said", ""), "")
    return visit.html(credit_page(visit.frame(), view, said))


@staff_only
async def get_credits(visit: Visit) -> web.Response:
    """`GET /credits?find=`: one match is opened, several are listed."""
    asked = visit.request.query.get("find", "").replace("\0", "").strip()[:200]
    lines = await visit.port.find(asked) if asked else ()
    if len(lines) == 1:
        return visit.see(f"/credits/{lines[0].credit_id}")
    return visit.html(found_page(visit.frame(), asked, lines), 404 if asked and not lines else 200)


@staff_only
async def get_handoffs(visit: Visit) -> web.Response:
    """`GET /handoffs?state=&cursor=`: what did not arrive?"""
    state = visit.request.query.get("state", HANDOFF_FILTERS[0][0])
    if state not in dict(HANDOFF_FILTERS):
        raise NotFound("list of handoffs", state)
    try:
        page = await visit.port.handoffs(state, visit.request.query.get("cursor", ""))
    except BadInput:
        raise Refused(400, NO_CURSOR) from None
    return visit.html(handoffs_page(visit.frame("handoffs"), state, page))


@staff_only
async def get_replay(visit: Visit) -> web.Response:
    """`GET /handoffs/replay?handoff=`: ask once more before anything is sent."""
    _replayer(visit)
    key = visit.request.query.get("handoff", "")
    line = await visit.port.handoff(key) if key else None
    if line is None:
        raise NotFound("handoff", key)
    return visit.html(replay_page(visit.frame("handoffs"), line))


@staff_only
async def post_replay(visit: Visit) -> web.Response:
    """`POST /handoffs/replay`: send it once more."""
    key = (await visit.form()).get("handoff", "")
    staff = _replayer(visit)
    line = await visit.port.handoff(key) if key else None
    if line is None:
        raise NotFound("handoff", key)
    said = "replayed" if await visit.port.replay(key, staff) else "not-replayed"
    return visit.see(f"/credits/{line.credit_id}?said={said}")


@staff_only
async def post_conclude(visit: Visit) -> web.Response:
    """`POST /handoffs/conclude`: write down that the system has it, or that it is given up."""
    fields = await visit.form()
    key, there = fields.get("handoff", ""), fields.get("there", "") == "yes"
    staff = _replayer(visit)
    line = await visit.port.handoff(key) if key else None
    if line is None:
        raise NotFound("handoff", key)
    reference = "".join(sign for sign in fields.get("reference", "")[:64] if sign.isprintable()).strip()
    done = await visit.port.conclude(key, staff, there, reference)
    said = ("seen" if there else "given-up") if done else "not-concluded"
    return visit.see(f"/credits/{line.credit_id}?said={said}")


def _replayer(visit: Visit) -> Staff:
    """Who is signed in, where their key may replay."""
    if visit.staff is None or not visit.staff.may_replay:
        raise Refused(403, _MAY_NOT)
    return visit.staff


def _own_path(path: str) -> str:
    """The path, where it is one of ours; a browser must not be sent to another site after the sign-in."""
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if ours else "/"
