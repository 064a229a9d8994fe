"""Every endpoint of the hub, in one table: the server and the documentation are made from it."""

from typing import Final

from tillbridge.api import approvals, batches, credits, events, handoffs, health, reviews, totals, watched
from tillbridge.api.bodies.batches import BatchBody
from tillbridge.api.bodies.credits import InquiryBody, IssueBody
from tillbridge.api.bodies.fields import LONG_BODY_MAX
from tillbridge.api.bodies.handoffs import ConclusionBody, ReplaysBody
from tillbridge.api.bodies.repairs import DecisionBody
from tillbridge.api.bodies.reviews import EvidenceBody, MergeBody, ReviewBody, UnlinkBody, UnlinkCreditBody
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
        "Every fact on a credit in order, where it is late or lost, and why.",
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
        "What a system tells the hub: sales, customers, and handoffs it confirms or refuses. With its key, or signed.",
        SystemEvent,
        signed=True,
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
    Route(
        "POST",
        "/v1/handoffs/replays",
        handoffs.post_replays,
        Right.REPLAY,
        "Set all dead or parked handoffs that fit going again. Unless `dry_run` is false, it only says which.",
        ReplaysBody,
        status=202,
    ),
    Route(
        "POST",
        "/v1/handoffs/{id}/conclude",
        handoffs.post_conclude,
        Right.REPLAY,
        "Say what became of a handoff whose answer is missing: the system has it, or it is sent again, or given up.",
        ConclusionBody,
    ),
    Route(
        "GET",
        "/v1/reviews",
        reviews.get_reviews,
        Right.CONSOLE,
        "What waits for a person.",
        query={
            **PAGING,
            "conflicts_cursor": "the same for the conflicts: `next_conflicts` of the page before",
            "outcomes_cursor": "the same for the outcomes that are unknown: `next_outcomes` of the page before",
        },
    ),
    Route(
        "POST",
        "/v1/reviews/{id}/decision",
        reviews.post_decision,
        Right.REVIEW,
        "Decide about a review: the credit is linked to a customer, or left unclaimed; or about a conflict.",
        ReviewBody,
        change=True,
    ),
    Route(
        "POST",
        "/v1/reviews/{id}/undo",
        reviews.post_undo_review,
        Right.REVIEW,
        "Take back the last decision about a review. A link only as long as nothing of the credit was spent.",
        EvidenceBody,
        change=True,
    ),
    Route(
        "POST",
        "/v1/decisions/{id}/undo",
        reviews.post_undo,
        Right.REVIEW,
        "Take back a decision: a merge, an unlink, a link from a review.",
        EvidenceBody,
        change=True,
    ),
    Route(
        "GET",
        "/v1/customers/{id}",
        reviews.get_customer,
        Right.CONSOLE,
        "Who a customer is: all ids of the person, accounts, identifiers, and what became of them.",
    ),
    Route(
        "POST",
        "/v1/customers/{id}/merge",
        reviews.post_merge,
        Right.REVIEW,
        "Two customers are one person: both ids stay, and are looked up as one.",
        MergeBody,
        change=True,
    ),
    Route(
        "POST",
        "/v1/customers/{id}/unlink",
        reviews.post_unlink,
        Right.REVIEW,
        "An account or an identifier is not this customer's.",
        UnlinkBody,
        change=True,
    ),
    Route(
        "POST",
        "/v1/credits/{id}/unlink",
        reviews.post_unlink_credit,
        Right.REVIEW,
        "A credit was linked to the wrong customer: what is left of it moves, by void-and-reissue.",
        UnlinkCreditBody,
        change=True,
    ),
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
    Route(
        "GET",
        "/metrics",
        watched.get_metrics,
        Right.METRICS,
        "How the hub and its hops are doing, for Prometheus; OpenMetrics for whoever accepts it. `TILLBRIDGE_METRICS`"
        " says whether requests of this machine need no key.",
        excuse=watched.near,
    ),
    Route("GET", "/healthz", health.get_healthz, None, "The process answers."),
    Route("GET", "/readyz", health.get_readyz, None, "The hub can confirm a credit."),
)
