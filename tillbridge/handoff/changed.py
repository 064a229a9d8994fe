"""The body of a claimed handoff as its hop's transformations make it."""

from collections.abc import Mapping
from typing import Any

from tillbridge.handoff.model import Claimed
from tillbridge.handoff.ports import Refused
from tillbridge.stack.model import Hop
from tillbridge.stack.transforms import Facts, Rejected, apply


def as_sent(hop: Hop, claimed: Claimed, body: Mapping[str, Any]) -> Mapping[str, Any] | Refused:
    """What is sent in the place of `body`, or why nothing is. A question goes by its key alone: the target is asked
    about what it was sent, whatever the map says by now."""
    if not hop.transform or claimed.lease.kind != "send":
        return body
    changed = apply(hop, body, Facts(claimed.born_on, claimed.change, claimed.bucket))
    if isinstance(changed, Rejected):
        return Refused(changed.code, changed.sentence, final=True, unasked=True)
    return changed
