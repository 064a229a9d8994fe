"""The stack map as values: the retailer, its systems, and the hops a credit's events travel over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from tillbridge.kernel.errors import NotFound
from tillbridge.stack.settings import Transform
from tillbridge.stack.terms import BURN_BUCKETS, CRITERIA


class Role(StrEnum):
    """What a system is in the retailer's stack. There may be several of one role."""

    POS = "pos"
    PLATFORM = "platform"
    PAYMENTS = "payments"
    ERP = "erp"
    STOREFRONT = "storefront"


class Trigger(StrEnum):
    """What sets a hop in motion: every event at once, a rhythm, or a timetable."""

    WEBHOOK = "webhook"
    POLL = "poll"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Retailer:
    """Whose stack it is. `country` is ISO 3166-1 alpha-2, `currency` ISO 4217, `time_zone` a name of the IANA list.

    `place` is ISO 3166-2, or the country: where a store is of which the map does not say it.
    """

    name: str
    country: str
    currency: str
    time_zone: str
    place: str


class SourceKind(StrEnum):
    """Where what a system brings is fetched from."""

    FOLDER = "folder"
    SFTP = "sftp"
    HTTP = "http"


class Brings(StrEnum):
    """What a source is about."""

    SALES = "sales"
    CUSTOMERS = "customers"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the hub fetches what a system does not send by itself, and how it is read.

    `trigger` is `poll` with an `interval` or `batch` with a `schedule`: the rhythm, which sales take from their hop.
    `columns` has by our column those of theirs, `fixed` what is the same in every row, `values` words of theirs by our
    column; all three hold the preset's already. Files: `path` and `pattern`, `delimiter`, `settle` (how long a file
    must stand still) and `marker` (blank: none is waited for). Feeds and SFTP: `url`. Blank texts: not needed.
    """

    kind: SourceKind
    what: Brings
    trigger: Trigger
    interval: timedelta | None
    schedule: str
    path: str
    url: str
    pattern: str
    preset: str
    columns: Mapping[str, tuple[str, ...]] = field(hash=False)
    fixed: Mapping[str, str] = field(hash=False)
    values: Mapping[str, Mapping[str, str]] = field(hash=False)
    delimiter: str
    time_zone: str
    settle: timedelta
    marker: str
    overlap: timedelta
    page: int
    timeout: timedelta
    token: str
    password: str
    private_key: str
    host_key: str
    verified: bool

    def __repr__(self) -> str:
        """Kind and contents only: a secret must not reach a log by way of a traceback."""
        return f"Source({self.kind.value!r}, what={self.what.value!r})"


@dataclass(frozen=True, slots=True)
class System:
    """One system of the stack. A blank text or an empty tuple means the map does not say: everything is accepted.

    `amount_min`, `amount_max` and `denominations` are decimals in major units of the retailer's currency. All three are
    about what a credit was issued for. `batch` is how many events it takes in one request, `rate` how many it may be
    sent in a second, by all hubs together; 0 is any number. `secret_before` is still taken in signatures while a secret
    is changed. `source` is where the hub fetches what the system has to tell.
    """

    name: str
    role: Role
    connector: str
    url: str
    secret: str
    capabilities: frozenset[str]
    currencies: tuple[str, ...]
    buckets: tuple[str, ...]
    amount_min: str
    amount_max: str
    denominations: tuple[str, ...]
    owner: str
    contact: str
    batch: int = 1
    rate: float = 0.0
    secret_before: str = ""
    source: Source | None = None

    def __repr__(self) -> str:
        """Name and role only: a secret must not reach a log by way of a traceback."""
        return f"System({self.name!r}, role={self.role.value!r})"


@dataclass(frozen=True, slots=True)
class Hop:
    """One edge of the map. It starts when the event is confirmed at `source`.

    `interval` is set for `poll` alone, `schedule` (cron, in the retailer's zone) for `batch` alone. `sla` counts
    from the moment the event is confirmed at `source`. `attempts`, `backoff`, `backoff_max` and `timeout` say how
    delivery is tried before it is given up.
    """

    source: str
    target: str
    trigger: Trigger
    interval: timedelta | None
    schedule: str
    sla: timedelta
    checkpoint: bool
    transform: tuple[Transform, ...]
    attempts: int
    backoff: timedelta
    backoff_max: timedelta
    timeout: timedelta

    @property
    def name(self) -> str:
        """`source-target`; unique in a stack."""
        return f"{self.source}-{self.target}"


class Per(StrEnum):
    """Whose doings a limit counts together."""

    CREDIT = "credit"
    CUSTOMER = "customer"
    OPERATOR = "operator"
    REGISTER = "register"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be done in a day of the retailer's zone: all `verbs` in all `buckets` are counted together.

    `amount` is in minor units of `currency`; it and `count` are None where that is not limited, never both.
    `verbs` and `buckets` stand in the order of `terms`; no `buckets` means all.
    """

    per: Per
    verbs: tuple[str, ...]
    buckets: tuple[str, ...]
    currency: str
    amount: int | None
    count: int | None

    def counted(self) -> tuple[object, ...]:
        """What it counts. No two limits of a stack count the same."""
        return (self.per, self.verbs, self.buckets, self.currency)


@dataclass(frozen=True, slots=True)
class Approval:
    """A manual credit above `above` (minor units of the retailer's currency) waits for a second person.

    Manual are issues in `buckets`, and every adjustment upwards.
    """

    above: int
    buckets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Burn:
    """In which order a customer's credits are spent: criteria of `terms.CRITERIA`, and all four buckets."""

    order: tuple[str, ...] = tuple(CRITERIA)
    buckets: tuple[str, ...] = BURN_BUCKETS


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack map that can run. `hops` are in topological order: a hop stands after every hop that feeds it.

    `places` are those of the stores by name, as far as the map says; ask `place_of`. `approval` is None where no
    credit waits for a second person.
    """

    retailer: Retailer
    authority: str
    systems: Mapping[str, System]
    hops: tuple[Hop, ...]
    file: str
    places: Mapping[str, str]
    burn: Burn
    limits: tuple[Limit, ...]
    approval: Approval | None

    def place_of(self, store: str) -> str:
        """Where a store is (ISO 3166-2, or a country): the retailer's place if the map does not name the store."""
        return self.places.get(store, self.retailer.place)

    def hop(self, name: str) -> Hop:
        """The hop of this name. Raises NotFound."""
        for hop in self.hops:
            if hop.name == name:
                return hop
        raise NotFound("hop", name)

    def hops_from(self, system: str) -> tuple[Hop, ...]:
        """The hops that start at a system, in order."""
        return tuple(hop for hop in self.hops if hop.source == system)

    def entries(self) -> tuple[Hop, ...]:
        """The hops that end at the authority: how a register's credit gets onto the ledger."""
        return tuple(hop for hop in self.hops if hop.target == self.authority)

    def sources(self) -> Mapping[str, Source]:
        """What the hub fetches by itself, by the system that it comes from."""
        return {name: system.source for name, system in self.systems.items() if system.source is not None}

    def deliveries(self) -> tuple[Hop, ...]:
        """The hops the hub carries an event over once the authority has it, in order.

        A hop that only a register feeds (pos to ERP, past the authority) is not among them: the retailer's own
        systems carry it, the hub never sees it.
        """
        reached = {self.authority}
        carried: list[Hop] = []
        for hop in self.hops:
            if hop.source in reached:
                reached.add(hop.target)
                carried.append(hop)
        return tuple(carried)

    def upstream(self, hop: Hop) -> Hop | None:
        """The delivery whose confirmation starts this hop; None when it starts at the authority or at a register.

        A system fed by two deliveries is confirmed by the first of them in order.
        """
        if hop.source == self.authority:
            return None
        return next((feeding for feeding in self.deliveries() if feeding.target == hop.source), None)
