"""The endpoint on totals: what each account holds, read from totals that are kept."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from aiohttp import web

from tillbridge.api import shapes
from tillbridge.api.requests import Asked, answer
from tillbridge.kernel.errors import BadInput
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import Total

BY: Final = ("bucket", "store", "state")
"""What totals can be split by."""


async def get_totals(asked: Asked) -> web.Response:
    """What each account holds, by currency and whatever else is asked for."""
    by = _by(asked.query("by"))
    at = asked.hub.clock.now()
    rows = _split(await ledger.totals(asked.hub.db, in_full=bool(by)), by)
    return answer({"totals": [shapes.total(one, by) for one in rows], "as_of": shapes.moment(at)})


def _by(text: str) -> tuple[str, ...]:
    words = [word.strip() for word in text.split(",")] if text else []
    for word in words:
        if word not in BY:
            raise BadInput("by", f"totals are not split by {word!r}", f"Send some of {', '.join(BY)}, or nothing.")
    return tuple(word for word in BY if word in words)


def _split(totals: Iterable[Total], by: tuple[str, ...]) -> list[Total]:
    """The totals with only these words kept apart, in their own order."""
    sums: dict[tuple[str, ...], Total] = {}
    for one in totals:
        bucket, store, state = (getattr(one, word) if word in by else "" for word in BY)
        kept = replace(one, bucket=bucket, store=store, state=state)
        place = (kept.currency, kept.account, kept.bucket, kept.store, kept.state)
        if before := sums.get(place):
            kept = replace(
                kept,
                amount=before.amount + kept.amount,
                credits=before.credits + kept.credits,
                entries=before.entries + kept.entries,
            )
        sums[place] = kept
    return [sums[place] for place in sorted(sums)]
