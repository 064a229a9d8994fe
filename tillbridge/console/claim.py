"""The customer's way from the printed voucher to the online account: what waits, a code, done."""

import re
from typing import Final
from urllib.parse import quote

from aiohttp import web

from tillbridge.checkpoint.voucher import read_claim_code
from tillbridge.console.pages import (
    Notice,
    claim_code_page,
    claim_contact_page,
    claim_done_page,
    claim_sent_page,
    notice_page,
)
from tillbridge.console.views import ClaimBegun, ClaimOutcome, ClaimState, VoucherState, VoucherView
from tillbridge.console.visit import Refused, Visit
from tillbridge.kernel.errors import BadInput
from tillbridge.stack.draw import span_words

_ASK: Final = "If that seems wrong, ask in the store: your receipt is enough to find the credit."
UNKNOWN: Final = Notice(
    "We do not know this voucher",
    ("The address is incomplete or mistyped.", "Scan the code on your voucher again, or type its claim code."),
    ("Type the claim code", "/claim"),
)
USED: Final = Notice(
    "This voucher has been used", ("Its credit was added to an online account, which can be done once.", _ASK)
)
EXPIRED: Final = Notice(
    "This voucher can no longer be claimed",
    ("Its time has passed, or its credit was taken back in the store.", "Ask in the store: your receipt is enough."),
)
_GONE: Final = {
    ClaimState.UNKNOWN: (404, UNKNOWN),
    ClaimState.USED: (410, USED),
    ClaimState.EXPIRED: (410, EXPIRED),
}


async def waiting_voucher(visit: Visit) -> tuple[str, VoucherView]:
    """The token in the address, and the voucher that waits behind it. Raises Refused: 404 unknown, 410 used or over."""
    token = visit.request.match_info["token"]
    view = await visit.port.voucher(token)
    if view is None:
        raise Refused(404, UNKNOWN)
    if view.state is not VoucherState.WAITING:
        raise Refused(410, USED if view.state is VoucherState.USED else EXPIRED)
    return token, view


async def get_claim(visit: Visit) -> web.Response:
    """`GET /claim`: where the claim code is typed."""
    return visit.html(claim_code_page(visit.frame()))


async def post_claim(visit: Visit) -> web.Response:
    """`POST /claim`: from the claim code to its voucher."""
    typed = (await visit.form()).get("claim_code", "")
    code = read_claim_code(typed)
    if code is None:
        problem = "A claim code has three groups of four letters and digits. Look again at the foot of your voucher."
        return visit.html(claim_code_page(visit.frame(), typed, problem), 422)
    token = await visit.port.claim_token(code)
    if token is None:
        problem = "No voucher has this claim code. Compare each letter with your voucher."
        return visit.html(claim_code_page(visit.frame(), typed, problem), 404)
    return visit.see(f"/claim/{quote(token, safe='')}")


async def get_voucher_claim(visit: Visit) -> web.Response:
    """`GET /claim/{token}`: what is waiting, and where a code may be sent to."""
    token, view = await waiting_voucher(visit)
    return visit.html(claim_contact_page(visit.frame(), token, view))


async def post_voucher_claim(visit: Visit) -> web.Response:
    """`POST /claim/{token}`: ask for a code. One and the same answer, whoever the contact belongs to."""
    contact = (await visit.form()).get("contact", "")
    token, view = await waiting_voucher(visit)
    problem = "Type the e-mail address or the phone number of your online account."
    try:
        begun = await visit.port.begin_claim(token, contact) if contact else None
    except BadInput as bad:
        begun, problem = None, bad.mend
    if begun is None:
        return visit.html(claim_contact_page(visit.frame(), token, view, contact, problem), 422)
    if isinstance(begun, ClaimBegun):
        return visit.html(claim_sent_page(visit.frame(), token, begun.challenge))
    return _stopped(visit, token, begun)


async def post_voucher_code(visit: Visit) -> web.Response:
    """`POST /claim/{token}/code`: try the six digits."""
    fields = await visit.form()
    token, view = await waiting_voucher(visit)
    challenge, code = fields.get("challenge", ""), re.sub(r"[\s-]+", "", fields.get("code", ""))
    if not challenge:
        raise Refused(400, _again(token, "Ask for a new code", "This page has lost its code’s number."))
    if not re.fullmatch(r"[0-9]{6}", code):
        problem = "The code is six digits long. This did not count as a try."
        return visit.html(claim_sent_page(visit.frame(), token, challenge, problem), 422)
    outcome = await visit.port.finish_claim(token, challenge, code)
    if outcome.state is ClaimState.LINKED:
        return visit.html(claim_done_page(visit.frame(), view))
    if outcome.state is ClaimState.WRONG_CODE and outcome.tries_left > 0:
        tries = "once more" if outcome.tries_left == 1 else f"{outcome.tries_left} more times"
        problem = f"This is not the code. You can try {tries}."
        return visit.html(claim_sent_page(visit.frame(), token, challenge, problem), 422)
    return _stopped(visit, token, outcome)


def _stopped(visit: Visit, token: str, outcome: ClaimOutcome) -> web.Response:
    """The page for a claim that cannot go on here."""
    if outcome.state in _GONE:
        raise Refused(*_GONE[outcome.state])
    if outcome.state is ClaimState.CODE_EXPIRED:
        raise Refused(410, _again(token, "This code is too old", "Codes are good for a few minutes only."))
    if outcome.state is ClaimState.NO_ACCOUNT:
        raise Refused(409, _no_account(token))
    if outcome.state is ClaimState.UNSURE:
        raise Refused(409, _unsure(token))
    wait = f"in {span_words(outcome.wait)}" if outcome.wait else "later"
    locked = Notice(
        "Too many tries",
        (f"To keep your credit safe, this voucher takes no more codes for now. Try again {wait}.", _ASK),
    )
    response = visit.html(notice_page(visit.frame(), locked), 429)
    if outcome.wait:
        response.headers["Retry-After"] = str(max(1, round(outcome.wait.total_seconds())))
    return response


def _no_account(token: str) -> Notice:
    return Notice(
        "There is no online account with this address",
        (
            "The code was right, and your credit is still waiting.",
            "Open one with it and scan the voucher again, or use the address of the account you have.",
        ),
        ("Use another address", f"/claim/{quote(token, safe='')}"),
    )


def _unsure(token: str) -> Notice:
    return Notice(
        "We cannot tell your online account by this address",
        (
            "The code was right, and your credit is still waiting.",
            "More than one account has this address, or it was never confirmed there.",
            "Confirm it in your account and scan again, use another address, or ask in the store with your receipt.",
        ),
        ("Use another address", f"/claim/{quote(token, safe='')}"),
    )


def _again(token: str, heading: str, sentence: str) -> Notice:
    return Notice(
        heading, (sentence, "Your credit is still waiting."), ("Ask for a new code", f"/claim/{quote(token, safe='')}")
    )
