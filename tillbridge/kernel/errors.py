"""The one tree of errors, and the shape of a refusal.

    TillbridgeError
    ├── BadInput          what was sent cannot be read: names the field and the mend
    ├── Conflict          same idempotency key, other request: names the field that differs
    ├── Decided           a second person has decided already: says what
    ├── InFlight          the same key is being worked on right now
    ├── NotFound          nothing is known by this name
    ├── NotAllowed        who is asking may not do this
    ├── NotSigned         the signature of a message does not hold: names the header and the mend
    ├── TooMany           who is asking failed too often: says when to ask again
    ├── StackFault        stack.toml is wrong: file, line and mend
    ├── LawFault          a file of law is wrong: file, row and mend
    ├── SettingFault      a setting is wrong: names it and the mend
    └── DatabaseError
        ├── DatabaseAway  no answer from PostgreSQL: nothing was written, or nobody knows yet; try the same key again
        ├── TryAgain      a passing clash between transactions: nothing was written
        └── DatabaseFault PostgreSQL refused a statement: a defect of ours

A refusal is no error: it is an answer of the trade, returned as a value and stored with its key.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Retry = Literal["safe", "new_key", "never"]


class TillbridgeError(Exception):
    """Root of the tree. `str(error)` is one plain sentence for a person."""


class BadInput(TillbridgeError):
    """A field cannot be read. `field` is a path such as `customer.email`, `mend` says what to send instead."""

    def __init__(self, field: str, problem: str, mend: str, code: str = "bad-input") -> None:
        super().__init__(f"{field}: {problem}. {mend}")
        self.code = code
        self.field = field
        self.problem = problem
        self.mend = mend


class Conflict(TillbridgeError):
    """The idempotency key was used before for another request, about the credit `credit_id`, if there is one yet;
    `field` is the first field that differs."""

    def __init__(self, key: str, field: str, credit_id: UUID | None) -> None:
        super().__init__(
            f"The key {key} was used before with another {field}, and was answered then. Look up what was done; "
            "send a new key only for what is really a new request."
        )
        self.key = key
        self.field = field
        self.credit_id = credit_id


class Decided(TillbridgeError):
    """A person has decided already, or it is too late to. `code` is the problem's: `turned-down` for what will not be
    done, `already-decided` for whoever decides otherwise, `already-spent` for money that is gone."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class InFlight(TillbridgeError):
    """A request with the same key has not been answered yet."""

    def __init__(self, key: str) -> None:
        super().__init__(f"A request with the key {key} is being worked on. Ask again with the same key in a moment.")
        self.key = key


class NotFound(TillbridgeError):
    """Nothing is known by this name. `what` is a word of the trade: credit, handoff, voucher."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"No {what} is known as {name}.")
        self.what = what
        self.name = name


class NotAllowed(TillbridgeError):
    """The caller is unknown (`known` is false) or lacks a right. `reason` is a word for the audit line, `who` the name
    of the key as far as there is one."""

    def __init__(self, sentence: str, *, known: bool, reason: str = "not-allowed", who: str = "") -> None:
        super().__init__(sentence)
        self.known = known
        self.reason = reason
        self.who = who


class NotSigned(TillbridgeError):
    """The signature of a message does not hold. `field` is the header, `reason` a word for the count and the audit
    line."""

    def __init__(self, field: str, problem: str, mend: str, reason: str) -> None:
        super().__init__(f"{field}: {problem}. {mend}")
        self.field = field
        self.mend = mend
        self.reason = reason


class TooMany(TillbridgeError):
    """The caller failed too often. `code` is the problem's, `seconds` says after how many to ask again."""

    def __init__(self, code: str, sentence: str, seconds: int) -> None:
        super().__init__(sentence)
        self.code = code
        self.seconds = seconds


class StackFault(TillbridgeError):
    """The stack map cannot run. `line` counts from 1; 0 means the file as a whole."""

    def __init__(self, file: str, line: int, problem: str, mend: str) -> None:
        super().__init__(f"{file}:{line}: {problem}. {mend}")
        self.file = file
        self.line = line
        self.problem = problem
        self.mend = mend


class LawFault(TillbridgeError):
    """A file of law cannot be relied on. `row` is a row's id, or its place in the file where it has none; blank means
    the file as a whole."""

    def __init__(self, file: str, row: str, problem: str, mend: str) -> None:
        super().__init__(f"{file}, row {row}: {problem}. {mend}" if row else f"{file}: {problem}. {mend}")
        self.file = file
        self.row = row
        self.problem = problem
        self.mend = mend


class SettingFault(TillbridgeError):
    """A setting cannot be used."""

    def __init__(self, setting: str, problem: str, mend: str) -> None:
        super().__init__(f"{setting}: {problem}. {mend}")
        self.setting = setting


class DatabaseError(TillbridgeError):
    """Something about PostgreSQL."""


class DatabaseAway(DatabaseError):
    """PostgreSQL does not answer."""


class TryAgain(DatabaseError):
    """Two transactions clashed; nothing of this one was written."""


class DatabaseFault(DatabaseError):
    """PostgreSQL refused a statement. `constraint` names the rule that held, where one did."""

    def __init__(self, sentence: str, constraint: str | None = None) -> None:
        super().__init__(sentence)
        self.constraint = constraint


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer of a closed list: a code, a sentence for the cashier, one for the engineer, and whether to retry.

    `retry` is `safe` (same key again later), `new_key` (mend it and send it as a new request) or `never`.
    """

    code: str
    cashier: str
    engineer: str
    retry: Retry
    field: str | None = None
