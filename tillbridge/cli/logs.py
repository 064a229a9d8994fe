"""Log lines: JSON or text, with what is known of the work at hand, and nothing that must not be read in a log.

It is here, above all floors, because the log belongs to the process and not to the library in it: whoever takes the hub
into a program of their own keeps their own log. What a line knows of the work at hand comes from the scope that the
doors and the deliveries set (`handoff/trace.py`).
"""

import logging
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, TextIO

import msgspec

from tillbridge.cli.masking import masked
from tillbridge.handoff.trace import SCOPE
from tillbridge.kernel.clock import time_text

KNOWN: Final = ("request_id", "trace_id", "credit_id", "event_id", "hop")
"""What a line says of the work at hand, where it is known: from the scope, or given with the line as `extra`."""

_ID: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOG: Final = logging.getLogger("tillbridge")


def facts_of(record: logging.LogRecord) -> Mapping[str, str]:
    """What is known of the work that a line is about."""
    at_hand = SCOPE.get()
    found = {name: getattr(record, name, "") or getattr(at_hand, name, "") for name in KNOWN}
    # An id is nobody's phone, whatever digits it has: it must be found again as it is.
    return {
        name: str(value) if _ID.fullmatch(str(value)) else masked(str(value)) for name, value in found.items() if value
    }


def message_of(record: logging.LogRecord) -> str:
    """The line's sentence, masked. One whose arguments do not fit is told as far as it goes."""
    try:
        said = record.getMessage()
    except Exception:  # a line that cannot be put together must not end what it is about
        said = f"{record.msg!s} {record.args!r}"
    return masked(said)


class _Lines(logging.Formatter):
    """What both forms of a line have in common."""

    def traceback_of(self, record: logging.LogRecord) -> str:
        """The traceback with its exception's text, masked; blank where there is none."""
        parts = [self.formatException(record.exc_info)] if record.exc_info and record.exc_info[1] else []
        parts += [self.formatStack(record.stack_info)] if record.stack_info else []
        return masked("\n".join(parts))

    def time_of(self, record: logging.LogRecord) -> str:
        """When it was said."""
        return time_text(datetime.fromtimestamp(record.created, UTC))


class JsonLines(_Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """`time`, `level`, `logger`, `message`, then what is known of the work at hand, then `error`."""
        said = {
            "time": self.time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message_of(record),
            **facts_of(record),
            "error": self.traceback_of(record),
        }
        # What came from outside may hold halves of characters, which JSON does not take.
        whole = {name: value.encode("utf-8", "replace").decode() for name, value in said.items() if value}
        return msgspec.json.encode(whole).decode()


class TextLines(_Lines):
    """A line for a person, and a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger and message, then what is known of the work at hand. A message is one line."""
        message = message_of(record).replace("\r", "\\r").replace("\n", "\\n")
        facts = "".join(f" {name}={value}" for name, value in facts_of(record).items())
        error = self.traceback_of(record)
        line = f"{self.time_of(record)} {record.levelname.lower()} {record.name}: {message}{facts}"
        return f"{line}\n{error}" if error else line


def set_up(form: str, level: str, stream: TextIO | None = None) -> None:
    """Write all log lines of this process, whoever writes them, to the error stream. `form` is `json` or `text`.

    What ends the process or a thread, and warnings, are log lines as well: Python itself would print them unmasked.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _LOG.critical("a fault ended the process", exc_info=(kind, error, trace))


def _uncaught_in_thread(fault: threading.ExceptHookArgs) -> None:
    if fault.exc_value is not None:
        _LOG.critical("a fault ended a thread", exc_info=(fault.exc_type, fault.exc_value, fault.exc_traceback))
