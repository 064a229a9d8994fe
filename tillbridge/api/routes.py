"""Every endpoint of the hub, in one table: the server and the documentation are made from it."""

from typing import Final

from tillbridge.api import approvals, batches, credits, events, handoffs, health, totals
from tillbridge.api.bodies.batches import BatchBody
from tillbridge.api.bodies.credits import InquiryBody, IssueBody
from tillbridge.api.bodies.fields import LONG_BODY_MAX
from tillbridge.api.bodies.repairs import DecisionBody
from tillbridge.api.bodies.systems import SystemEvent
from tillbridge.api.requests import Route
from tillbridge.api.verbs import VERB_DOORS
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
        "Issue a credit at a register and confirm it. `Prefer: wait=3` holds the answer for the checkpoint's hops."
        " A manual credit may have to wait for a second person: 202.",
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
    *(
        Route("POST", door.path, credits.post_of(door), door.right, door.summary, door.body, change=True)
        for door in VERB_DOORS
    ),
    Route(
        "POST",
        "/v1/batches",
        batches.post_batch,
        Right.BATCH,
        "Up to 500 commands, one answer each. Each has its own `key`, so that no `Idempotency-Key` is needed.",
        BatchBody,
        body_max=LONG_BODY_MAX,
    ),
    Route("POST", "/v1/balance-inquiries", credits.post_inquiry, Right.READ, "What a code is worth.", InquiryBody),
    Route(
        "GET",
        "/v1/customers/{id}/credits",
        credits.get_customer_credits,
        Right.READ,
        "What a customer can spend right now, in the order in which it is spent. The id is ours, or `system:account`.",
    ),
    Route(
        "POST",
        "/v1/events/{system}",
        events.post_event,
        Right.EVENTS,
        "What a system tells the hub: customers, and handoffs it confirms or refuses.",
        SystemEvent,
        status=202,
        body_max=LONG_BODY_MAX,
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
    Route(
        "GET",
        "/v1/approvals",
        approvals.get_approvals,
        Right.APPROVE,
        "What waits for a second person.",
        query=PAGING,
    ),
    Route(
        "POST",
        "/v1/approvals/{id}/approve",
        approvals.post_approve,
        Right.APPROVE,
        "Agree to what waits: it is carried out with its own key. Not by whoever asked for it.",
    ),
    Route(
        "POST",
        "/v1/approvals/{id}/turn-down",
        approvals.post_turn_down,
        Right.APPROVE,
        "Refuse what waits: it will never be done. Not by whoever asked for it.",
        DecisionBody,
    ),
    Route(
        "GET",
        "/v1/totals",
        totals.get_totals,
        Right.CONSOLE,
        "What each account holds. Positive is owed to customers.",
        query={"by": "Some of `bucket`, `store`, `state`, with commas; nothing for accounts and currencies alone."},
    ),
    Route("GET", "/healthz", health.get_healthz, None, "The process answers."),
    Route("GET", "/readyz", health.get_readyz, None, "The hub can confirm a credit."),
)
