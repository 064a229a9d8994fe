"""A small outside platform and a journal, both of which can die or lose an answer at any call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

from tillbridge.kernel.money import Money
from tillbridge.reconcile.reissue.model import Item, Move
from tillbridge.reconcile.reissue.ports import Answer, Did, Lost, NotDone, Refused, Standing


class Crash(BaseException):
    """The run is killed."""


@dataclass
class Credit:
    """One credit of the platform."""

    balance: int
    frozen: bool = False
    void: bool = False
    instead_of: str = ""

    @property
    def live(self) -> bool:
        return not self.void and self.balance > 0


@dataclass
class Fate:
    """What is in store for each call, in order: `ok`, `lost` or `crash`, before or after the change; then all is
    well."""

    faults: Iterator[str]
    calls: int = 0

    def before(self) -> str:
        self.calls += 1
        fault = next(self.faults, "ok")
        if fault == "crash-before":
            raise Crash
        return fault

    def after(self, fault: str) -> None:
        if fault == "crash-after":
            raise Crash


@dataclass
class FakePlatform:
    """Credits by name, and what was answered under each key."""

    fate: Fate
    credits: dict[str, Credit] = field(default_factory=dict)
    answers: dict[str, Did | Refused] = field(default_factory=dict)
    capabilities: frozenset[str] = frozenset({"freeze", "void", "issue", "probe"})
    issues: int = 0
    refuses_to_issue: bool = False

    def check(self) -> None:
        """At no time two live credits for one."""
        assert sum(credit.live for credit in self.credits.values()) <= 1, self.credits

    def spend(self, name: str, amount: int) -> None:
        """The customer spends, where they can."""
        credit = self.credits[name]
        if credit.live and not credit.frozen and credit.balance >= amount:
            credit.balance -= amount

    async def balance(self, credit: str) -> Standing | Refused | Lost:
        fault = self.fate.before()
        if fault.startswith("lost"):
            return Lost("No answer.")
        found = self.credits[credit]
        self.fate.after(fault)
        return Standing(found.balance, "USD", found.frozen, found.void)

    async def freeze(self, credit: str, key: str) -> Answer:
        return self._once(key, lambda: self._freeze(credit))

    async def unfreeze(self, credit: str, key: str) -> Answer:
        return self._once(key, lambda: self._unfreeze(credit))

    async def void(self, credit: str, expected: Money, key: str) -> Answer:
        return self._once(key, lambda: self._void(credit, expected.minor))

    async def issue(
        self, instead_of: str, account_id: str, customer_id: UUID | None, amount: Money, key: str
    ) -> Answer:  # fmt: skip
        return self._once(key, lambda: self._issue(instead_of, amount.minor))

    async def probe(self, key: str) -> Did | Refused | NotDone | Lost:
        fault = self.fate.before()
        if fault.startswith("lost"):
            return Lost("No answer.")
        self.fate.after(fault)
        return self.answers.get(key, NotDone())

    def _once(self, key: str, change: Callable[[], Did | Refused]) -> Answer:
        fault = self.fate.before()
        if fault == "lost-before":
            return Lost("It never arrived.")
        if key not in self.answers:
            self.answers[key] = change()
        self.check()
        self.fate.after(fault)
        return Lost("The answer was lost.") if fault == "lost-after" else self.answers[key]

    def _freeze(self, name: str) -> Did | Refused:
        credit = self.credits[name]
        if credit.void or credit.frozen:
            return Refused("It cannot be frozen.")
        credit.frozen = True
        return Did()

    def _unfreeze(self, name: str) -> Did | Refused:
        if not self.credits[name].frozen:
            return Refused("It is not frozen.")
        self.credits[name].frozen = False
        return Did()

    def _void(self, name: str, expected: int) -> Did | Refused:
        credit = self.credits[name]
        if credit.void or credit.balance != expected:
            return Refused("It does not hold that.")
        credit.void, credit.frozen = True, False
        return Did()

    def _issue(self, instead_of: str, amount: int) -> Did | Refused:
        if self.refuses_to_issue:
            return Refused("The account is closed.")
        self.issues += 1
        name = f"{instead_of}-new-{self.issues}"
        self.credits[name] = Credit(amount, instead_of=instead_of)
        return Did(name)


@dataclass
class FakeJournal:
    """One item and its steps. It can be killed before or after it wrote."""

    fate: Fate
    item: Item
    steps: list[str] = field(default_factory=list)

    async def begin(self, item: Item) -> Item:
        return self.item

    async def move(self, item: Item, move: Move, by: str) -> Item:
        fault = self.fate.before()
        if self.item.state is item.state:
            self.item = replace(
                self.item, state=move.to, reason=move.reason, sentence=move.seen,
                new_credit=move.new_credit or self.item.new_credit,
            )  # fmt: skip
            self.steps.append(move.to)
        self.fate.after(fault)
        return self.item

    async def again(self, item: Item) -> Item:
        return self.item
