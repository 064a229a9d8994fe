"""What the hub counts of itself, in a registry of its own: nothing of another library in the process gets in.

Labels are closed lists: patterns of routes, codes, names of hops in the map. Nothing that a caller can write at will
becomes one, and nothing that tells of a customer.
"""

import re
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from tillbridge.api.signs import Signs

OTHER: Final = "other"
"""The label of whatever is on no list: an unknown address, a strange method."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REASONS_MAX: Final = 32
"""Different reasons that are told apart; the next ones are `other`."""

_REASON: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CHECKPOINT_SECONDS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2, 5)
_POSTINGS: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500)


class Metrics:
    """Everything that can be scraped of one hub."""

    def __init__(self, signs: Signs) -> None:
        self.signs = signs
        self.registry = CollectorRegistry(auto_describe=True)
        self._requests = self._counter(
            "requests", "Requests answered, by route and status.", ("method", "route", "status")
        )
        self._seconds = self._histogram(
            "request_seconds", "Seconds from a request to its answer.", _SECONDS, ("method", "route")
        )
        self._checkpoint = self._histogram(
            "checkpoint_seconds",
            "Seconds from a register's request to the ledger's confirmation of a new credit.",
            _CHECKPOINT_SECONDS,
        )
        self._refusals = self._counter("refusals", "Commands and requests turned away, by the code told.", ("code",))
        self._webhooks = self._counter("webhooks_refused", "Webhooks that were not taken, by reason.", ("reason",))
        self._batches = self._histogram("ledger_batch_postings", "Postings in one commit of the ledger.", _POSTINGS)
        self._reasons: set[str] = set()
        # Looked up once: this is done for every request.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.registry.register(signs)
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, said: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"tillbridge_{name}", said, labels, registry=self.registry)

    def _histogram(self, name: str, said: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> Histogram:
        return Histogram(f"tillbridge_{name}", said, labels, buckets=buckets, registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered. `route` is a pattern, blank for an address that nobody serves."""
        of = (method if method in METHODS else OTHER, route or OTHER, status)
        if of not in self._known:
            self._known[of] = (self._requests.labels(of[0], of[1], str(status)), self._seconds.labels(of[0], of[1]))
        count, histogram = self._known[of]
        count.inc()
        histogram.observe(seconds)

    def confirmed(self, seconds: float) -> None:
        """Count a credit that was confirmed at the checkpoint."""
        self._checkpoint.observe(max(0.0, seconds))

    def refused(self, code: str) -> None:
        """Count a refusal or a problem by its code, which is on a closed list."""
        self._refusals.labels(code).inc()

    def refused_webhook(self, reason: str) -> None:
        """Count a webhook that was not taken. A reason is a few small letters and dashes."""
        known = reason in self._reasons or (len(self._reasons) < REASONS_MAX and _REASON.fullmatch(reason) is not None)
        if known:
            self._reasons.add(reason)
        self._webhooks.labels(reason if known else OTHER).inc()

    def committed(self, postings: int) -> None:
        """Count a commit of the ledger."""
        self._batches.observe(postings)

    def exposed(self, accept: str) -> tuple[bytes, str]:
        """All of it as text, and its content type: OpenMetrics for whoever asks for it, else Prometheus."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type
