"""Every endpoint of the hub, in one table: the server and the documentation are made from it."""

from typing import Final

from tillbridge.api import credits, events, handoffs, health
from tillbridge.api.bodies import EVENTS_MAX, InquiryBody, IssueBody, RedeemBody, SystemEvent, VoidBody
from tillbridge.api.requests import Route
from tillbridge.kernel.actor import Right

PAGING: Final = {
    "cursor": "What the page before answered as `next`.",
    "limit": "How many, 1 to 200; 50 unless said.",
}

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "POST",
        "/v1/credits",
        credits.post_credit,
        Right.ISSUE,
        "Issue a credit at a register and confirm it. `Prefer: wait=3` holds the answer for the checkpoint's hops.",
        IssueBody,
        change=True,
    ),
    Route(
        "GET",
        "/v1/credits/{id}",
        credits.get_credit,
        Right.READ,
        "A credit as it stands, or what it held at a moment.",
        query={"at": "A moment: ISO 8601 with an offset.", "by": "`recorded` (unless said) or `occurred`."},
    ),
    Route(
        "GET",
        "/v1/credits/{id}/statement",
        credits.get_statement,
        Right.READ,
        "The facts on a credit with their money.",
        query=PAGING,
    ),
    Route(
        "GET",
        "/v1/credits/{id}/trail",
        credits.get_trail,
        Right.READ,
        "Every fact on a credit in order, and where it is late or lost.",
    ),
    Route(
        "POST",
        "/v1/credits/{id}/redemptions",
        credits.post_redemption,
        Right.REDEEM,
        "Spend from a credit.",
        RedeemBody,
        change=True,
    ),
    Route("POST", "/v1/credits/{id}/void", credits.post_void, Right.VOID, "Take a credit back.", VoidBody, change=True),
    Route("POST", "/v1/balance-inquiries", credits.post_inquiry, Right.READ, "What a code is worth.", InquiryBody),
    Route(
        "GET",
        "/v1/customers/{id}/credits",
        credits.get_customer_credits,
        Right.READ,
        "What a customer can spend right now. The id is ours, or `system:account`.",
    ),
    Route(
        "POST",
        "/v1/events/{system}",
        events.post_event,
        Right.EVENTS,
        "What a system tells the hub: customers, and handoffs it confirms or refuses.",
        SystemEvent,
        status=202,
        body_max=EVENTS_MAX,
    ),
    Route(
        "GET",
        "/v1/handoffs",
        handoffs.get_handoffs,
        Right.CONSOLE,
        "Handoffs in one state.",
        query={
            "state": "dead (unless said), late, parked, unknown, due, sending, waiting.",
            "hop": "One hop.",
            **PAGING,
        },
    ),
    Route(
        "POST",
        "/v1/handoffs/{id}/replay",
        handoffs.post_replay,
        Right.REPLAY,
        "Set a dead or parked handoff going again.",
        status=202,
    ),
    Route("GET", "/v1/reviews", handoffs.get_reviews, Right.CONSOLE, "What waits for a person.", query=PAGING),
    Route("GET", "/healthz", health.get_healthz, None, "The process answers."),
    Route("GET", "/readyz", health.get_readyz, None, "The hub can confirm a credit."),
)
