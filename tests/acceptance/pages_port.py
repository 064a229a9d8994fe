"""A small hub for the tests of pages: values that a page can show, and a claim that works."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import count
from uuid import UUID
from zoneinfo import ZoneInfo

from tillbridge.checkpoint.voucher import Voucher
from tillbridge.connectors.inbox import Message
from tillbridge.console.map_views import HopLine, MapView
from tillbridge.console.views import (
    Badge,
    CandidateView,
    ClaimBegun,
    ClaimOutcome,
    ClaimState,
    ConflictLine,
    CreditLine,
    CreditView,
    DecidedLine,
    Explanation,
    Fact,
    HandoffLine,
    HandoffPage,
    Need,
    Replayable,
    ReviewLine,
    ReviewPage,
    ReviewView,
    Said,
    Shop,
    Staff,
    TodayView,
    VoucherState,
    VoucherView,
)
from tillbridge.kernel.errors import BadInput, DatabaseAway
from tillbridge.kernel.money import Money
from tillbridge.stack.assess import Facts, assess
from tillbridge.stack.draw import HopView, Mark, Place, Truth, path_svg
from tillbridge.stack.edition import Edition
from tillbridge.stack.load import parse

NOON = datetime(2026, 11, 21, 19, 2, 11, 204000, tzinfo=UTC)
CREDIT = UUID("01976f00-0000-7000-8000-000000004471")
OTHER = UUID("01976f00-0000-7000-8000-000000009020")
REVIEW = UUID("01976f00-0000-7000-8000-00000000aaaa")
DONE_REVIEW = UUID("01976f00-0000-7000-8000-00000000bbbb")
CONFLICT = UUID("01976f00-0000-7000-8000-00000000cccc")
HANDOFF = f"{CREDIT}:platform-web:1"
TOKEN = "Ab3_dEf6-hIj9lMn2pQr5tUv8xYz1"
KNOWN = "ava.reid@example.com"

PLACES = (
    Place("registers", "Registers", "registers"),
    Place("platform", "Platform", "source of truth", authority=True),
    Place("processor", "Payments", "processor"),
    Place("erp", "ERP", "erp"),
    Place("web", "Web store", "web"),
)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def hops() -> tuple[HopView, ...]:
    registers, platform, processor, erp, web = PLACES
    return (
        HopView(registers, platform, "checkpoint · 2 s", Truth(Mark.CONFIRMED, "0.14 s")),
        HopView(platform, processor, "webhook · 30 s", Truth(Mark.CONFIRMED, "1.1 s")),
        HopView(processor, erp, "daily 02:00 · 26 h", Truth(Mark.PENDING, "212 waiting")),
        HopView(erp, web, "webhook · 60 s", Truth(Mark.LATE, "5 late, oldest 14 min")),
    )


def a_voucher(name: str = "Harbor & Pine") -> Voucher:
    return Voucher(
        retailer=name,
        store="006",
        register="3",
        operator="op07",
        receipt="T0063-118",
        issued_at=NOON.astimezone(ZoneInfo("America/New_York")),
        amount="$88.00",
        claim_url=f"https://credits.harborpine.example/claim/{TOKEN}",
        claim_code="7QK4-M2XD-9HTR",
    )


def map_view(word: str = "") -> MapView:
    """The map as its page shows it: one hop loses things, and a newer text was refused."""
    stack = parse((resources.files("tillbridge.stack") / "presets" / "chain.toml").read_text("utf-8"), "stack.toml", {})
    edition = Edition(2, NOON, word or "hub on till-7", "0" * 64, {}, (word or "hop erp-web: SLA 13 h -> 7 h",))
    badge = Badge(Mark.DEAD, "dead")
    line = HopLine("erp-web", word or "erp to web", "every 6 h · 7 h", word, badge, 12, 5, 3, 1, "", True, True)
    at_once = replace(
        line, name="registers-platform", carried=False, lost=False, badge=Badge(Mark.CONFIRMED, "at once")
    )
    refused = word or "stack.toml, line 7: there are no hops. Add [[hops]]."
    return MapView(NOON, "platform", edition, hops(), (at_once, line), assess(stack, Facts(NOON)), (edition,), refused)


@dataclass
class FakePort:
    """`word` stands wherever a text comes from outside, so that a test can make it a hostile one."""

    word: str = ""
    away: bool = False
    with_inbox: bool = False
    state: VoucherState | None = VoucherState.WAITING
    keys: dict[str, Staff] = field(
        default_factory=lambda: {
            "tb_operations": Staff("k1", "Ops Olga", may_replay=True, may_review=True),
            "tb_support": Staff("k2", "Support Sam", may_replay=False),
        }
    )
    sent: list[tuple[str, str]] = field(default_factory=list)
    replayed: list[tuple[str, str]] = field(default_factory=list)
    concluded: list[tuple[str, str, bool, str]] = field(default_factory=list)
    handoff_state: str = "dead"
    asked: list[tuple[str, str]] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)
    decided: list[tuple[UUID, str, str, str]] = field(default_factory=list)
    trouble: str = ""
    numbers: "count[int]" = field(default_factory=count)

    @property
    def shop(self) -> Shop:
        return Shop(self.word or "Harbor & Pine", "US", ZoneInfo("America/New_York"))

    def _answer(self) -> None:
        if self.away:
            raise DatabaseAway("PostgreSQL does not answer.")

    async def voucher(self, token: str) -> VoucherView | None:
        self._answer()
        return VoucherView(a_voucher(self.shop.name), self.state) if token == TOKEN and self.state else None

    async def claim_token(self, code: str) -> str | None:
        self._answer()
        return TOKEN if code == "7QK4-M2XD-9HTR" else None

    async def begin_claim(self, token: str, contact: str) -> ClaimBegun | ClaimOutcome:
        self._answer()
        if "@" not in contact:
            raise BadInput("contact", "it is neither", "Type an e-mail address or a phone number.")
        if len(self.asked) >= 5:
            return ClaimOutcome(ClaimState.LOCKED, wait=timedelta(minutes=15))
        challenge = f"challenge-{next(self.numbers)}"
        self.asked.append((token, contact))
        self.tries[challenge] = 5
        if contact == KNOWN:
            self.sent.append((challenge, "123456"))
        return ClaimBegun(challenge)

    async def finish_claim(self, token: str, challenge: str, code: str) -> ClaimOutcome:
        self._answer()
        if challenge == "old":
            return ClaimOutcome(ClaimState.CODE_EXPIRED)
        if challenge == "stranger":
            return ClaimOutcome(ClaimState.NO_ACCOUNT)
        self.tries[challenge] = self.tries.get(challenge, 1) - 1
        if (challenge, code) in self.sent and self.tries[challenge] >= 0:
            self.state = VoucherState.USED
            return ClaimOutcome(ClaimState.LINKED)
        left = self.tries[challenge]
        return ClaimOutcome(ClaimState.WRONG_CODE, left) if left > 0 else ClaimOutcome(ClaimState.LOCKED)

    async def sign_in(self, key: str) -> Staff | None:
        self._answer()
        return self.keys.get(key)

    async def staff(self, key_id: str) -> Staff | None:
        self._answer()
        return next((staff for staff in self.keys.values() if staff.key_id == key_id), None)

    async def today(self) -> TodayView:
        self._answer()
        word = self.word or "E-mail is nobody’s; two near matches"
        review = Badge(Mark.PENDING, "review")
        needs = (
            Need(CREDIT, "4471", self.word or "T0063-118", "006", self.word or "op07", usd(8800), word, review, NOON),
            Need(
                OTHER,
                "9020",
                "T0121-033",
                "012",
                "op31",
                usd(2500),
                "The web store’s answer was lost after sending",
                Badge(Mark.UNKNOWN, "unknown"),
                NOON,
            ),
            Need(
                UUID(int=3),
                "1358",
                "T0044-207",
                "004",
                "op12",
                usd(14000),
                "ERP period is locked",
                Badge(Mark.LATE, "late"),
                NOON,
            ),
        )
        return TodayView(
            at=NOON,
            stores=12,
            issued=1284,
            online=996,
            due_online=1000,
            vouchers=7,
            claimed=4,
            reviews=3,
            owed=(usd(41288015), Money(120000, "JPY")),
            hops=tuple(replace(hop, promise=self.word or hop.promise) for hop in hops()),
            needs=needs,
            more=14,
        )

    async def credit(self, credit_id: UUID) -> CreditView | None:
        self._answer()
        if credit_id != CREDIT:
            return None
        word = self.word or "T0063-118"
        facts = (
            Fact(NOON, "Issued at the register", f"receipt {word}, key 006-3-2026-11-21T14:02:11-05:00"),
            Fact(
                NOON + timedelta(milliseconds=142),
                "Confirmed on the ledger",
                badge=Badge(Mark.CONFIRMED, "0.14 s of 2 s"),
            ),
            Fact(
                NOON + timedelta(seconds=1.3),
                "No online account found",
                self.word or "for ava.reid@example.com",
                more="two near: a•••d@example.com (1 letter, same phone ending), a•••d@example.org",
                mark=Mark.LATE,
            ),
            Fact(
                NOON + timedelta(hours=12),
                "Voucher printed, review opened",
                badge=Badge(Mark.PENDING, "waiting 2 h 10 min"),
                mark=Mark.PENDING,
            ),
        )
        return CreditView(
            credit_id=CREDIT,
            kind="store_credit",
            bucket="refund",
            last4="4471",
            issued=usd(8800),
            available=usd(0),
            store="006",
            register="3",
            operator=self.word or "op07",
            receipt=word,
            owner="",
            badge=Badge(Mark.LATE, "not online"),
            facts=facts,
            explanation=Explanation(
                "Why it is not online",
                "Identifier mismatch",
                (
                    self.word or "The register’s e-mail belongs to no online profile.",
                    "Nothing was lost: the credit is safe on the ledger, and nobody can spend it online.",
                ),
                Mark.LATE,
            ),
            hops=hops(),
            replayable=(Replayable(HANDOFF, "platform to web"),),
            voucher_token=TOKEN,
        )

    async def find(self, text: str) -> Sequence[CreditLine]:
        self._answer()
        line = CreditLine(
            CREDIT,
            "store_credit",
            "4471",
            self.word or "T0063-118",
            "006",
            usd(8800),
            usd(8800),
            NOON,
            Badge(Mark.LATE, "not online"),
        )
        known = {"T0063-118": 1, "ava.reid@example.com": 2, self.word: 2}
        return (line,) * known.get(text, 0)

    def _handoff(self) -> HandoffLine:
        return HandoffLine(
            key=HANDOFF,
            credit_id=CREDIT,
            last4="4471",
            receipt=self.word or "T0063-118",
            hop=self.word or "platform to web",
            amount=usd(8800),
            state=self.handoff_state,
            late=True,
            reason=self.word or "The web store refused the credit: it takes no JPY (mapping-rejected).",
            attempts=12,
            replay=1,
            recorded_at=NOON,
            deadline=NOON + timedelta(minutes=1),
            replayable=not self.replayed,
        )

    async def handoffs(self, state: str, cursor: str) -> HandoffPage:
        self._answer()
        if cursor not in {"", "next"}:
            raise BadInput("cursor", "it is none of ours", "Start from the top.")
        if state == "dead":
            return HandoffPage((self._handoff(),), None if cursor else "next", {"dead": 1, "parked": 0, "late": 1412})
        if state == "late":
            lines = tuple(replace(self._handoff(), state=state, replayable=False) for state in ("due", "unknown"))
            return HandoffPage(lines)
        return HandoffPage(())

    async def handoff(self, key: str) -> HandoffLine | None:
        self._answer()
        return self._handoff() if key == HANDOFF else None

    async def conclude(self, key: str, staff: Staff, there: bool, reference: str) -> bool:
        self.concluded.append((key, staff.name, there, reference))
        return True

    async def replay(self, key: str, staff: Staff) -> bool:
        self._answer()
        self.replayed.append((key, staff.name))
        return len(self.replayed) == 1

    async def reviews(self, cursor: str) -> ReviewPage:
        self._answer()
        given = (("e-mail", self.word or "a•••d@example.com"), ("phone", "••• 0141"))
        why = self.word or "The register’s e-mail belongs to no online profile; two are near."
        line = ReviewLine(CREDIT, "4471", "T0063-118", "006", "3", "op07", usd(8800), why, given, NOON, REVIEW)
        return ReviewPage((line, replace(line, given=())), "next", (self._conflict(),), (self._decision(),))

    def _conflict(self) -> ConflictLine:
        people = ((CREDIT, self.word or "web A0001440"), (OTHER, "web A0002077"))
        return ConflictLine(CONFLICT, "e-mail", self.word or "a…@example.com", people, NOON)

    def _decision(self) -> DecidedLine:
        return DecidedLine(DONE_REVIEW, CREDIT, self.word or "Ops Olga", self.word or "She showed it.", NOON)

    async def review(self, review_id: UUID) -> ReviewView | ConflictLine | None:
        self._answer()
        if review_id == CONFLICT:
            return self._conflict()
        if review_id not in (REVIEW, DONE_REVIEW):
            return None
        line = (await self.reviews("")).lines[0]
        given = (("E-mail", self.word or "a…@example.com"), ("Phone", "…0141"), ("Name", "A… R…"))
        fields = {
            "E-mail": (self.word or "a…@example.com", "similar e-mail", Mark.PENDING),
            "Phone": ("…0141", "same phone, verified", Mark.CONFIRMED),
            "Name": ("", "no name on file", Mark.PENDING),
        }
        ones = (
            CandidateView(str(CREDIT), self.word or "web A0001440", 92, fields),
            CandidateView(str(OTHER), "web A0002077, app 991", 61, {}),
        )
        shown = replace(line, given=given, review_id=review_id)
        names = ("E-mail", "Phone", "Name")
        still_open = review_id == REVIEW
        return ReviewView(shown, ones, names, still_open, None if still_open else self._decision())

    async def decide(self, review_id: UUID, decision: str, customer: str, said: Said) -> str:
        self._answer()
        if not self.trouble:
            self.decided.append((review_id, decision, customer, said.evidence))
        return self.trouble

    async def undo(self, review_id: UUID, said: Said) -> str:
        return await self.decide(review_id, "undo", "", said)

    async def map(self) -> MapView:
        self._answer()
        return map_view(self.word)

    async def map_svg(self) -> bytes:
        self._answer()
        return path_svg(hops()).encode()

    async def map_spec(self, form: str) -> bytes:
        self._answer()
        return b"%PDF-" if form == "pdf" else b"<!doctype html>"

    def inbox(self) -> Sequence[Message] | None:
        if not self.with_inbox:
            return None
        return (Message(self.word or KNOWN, self.word or "Your code", f"Your code is 123456. {self.word}", NOON),)
