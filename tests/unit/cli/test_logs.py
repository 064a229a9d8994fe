"""Log lines as they leave the process."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tillbridge.cli.logs import JsonLines, TextLines, set_up
from tillbridge.handoff.trace import Scope, scope
from tillbridge.kernel.errors import SettingFault
from tillbridge.kernel.settings import read_log_settings


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines go; the process's own log is as before afterwards."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, sys.excepthook, threading.excepthook)
    yield io.StringIO()
    logging.captureWarnings(False)
    root.handlers[:], level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines that were written, as values."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_what_is_known_of_the_work(stream: io.StringIO) -> None:
    set_up("json", "info", stream)
    logger = logging.getLogger("tillbridge.test")
    with scope(Scope(request_id="r1", credit_id="c1", trace_id="t1")):
        logger.info("one of %s", 3, extra={"hop": "platform->web"})
    logger.warning("another")
    logger.debug("not written")
    first, second = lines(stream)
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "info",
        "logger": "tillbridge.test",
        "message": "one of 3",
        "request_id": "r1",
        "trace_id": "t1",
        "credit_id": "c1",
        "hop": "platform->web",
    }
    assert set(second) == {"time", "level", "logger", "message"}


def test_whatever_library_logs_it_is_masked(stream: io.StringIO) -> None:
    set_up("json", "warning", stream)
    logging.getLogger("some.library").error("mail to %(to)s failed", {"to": "ava.reed@example.com"})
    logging.getLogger("aiohttp.server").error("phone %r", {"phone": "+1 212-555-0143"}, extra={"hop": "a@b.example"})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("the code 4929123456781234567 is odd", stacklevel=1)
    try:
        try:
            raise ValueError("no customer ben.cole@example.com")
        except ValueError as error:
            raise KeyError("4929123456781234567") from error
    except KeyError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    said = stream.getvalue()
    assert len(lines(stream)) == 4
    for secret in ("ava.reed", "212-555", "a@b", "4929123456781234567", "ben.cole"):
        assert secret not in said
    assert "ValueError: no customer [e-mail]" in lines(stream)[-1]["error"]


def test_what_ends_the_process_or_a_thread_is_a_line(stream: io.StringIO) -> None:
    set_up("json", "warning", stream)
    error = ValueError("ava.reed@example.com")
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=lambda: int("the code 929123456781234567"))
    thread.start()
    thread.join()
    assert [line["level"] for line in lines(stream)] == ["critical", "critical"]
    assert "ava.reed" not in stream.getvalue()
    assert "929123456781234567" not in stream.getvalue()


async def test_what_nobody_waited_for_is_masked(stream: io.StringIO) -> None:
    set_up("json", "warning", stream)
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "odd", "exception": ValueError("ava.reed@example.com")})
    assert "[e-mail]" in lines(stream)[0]["error"]


def test_a_line_that_cannot_be_put_together_is_told_all_the_same(stream: io.StringIO) -> None:
    set_up("json", "warning", stream)
    logging.getLogger("x").warning("%s and %s", *["ava.reed@example.com"])
    logging.getLogger("x").warning("half a sign \ud83d")
    first, second = lines(stream)
    assert first["message"] == "%s and %s ([e-mail]',)"  # an apostrophe may begin an address
    assert second["message"].startswith("half a sign")


def test_a_line_of_text_is_one_line(stream: io.StringIO) -> None:
    set_up("text", "warning", stream)
    with scope(Scope(credit_id="c1")):
        logging.getLogger("x").warning("one\n2026-11-21T00:00:00+00:00 error y: forged, by a@b.example")
    assert stream.getvalue().count("\n") == 1
    assert "warning x: one\\n2026-11-21" in stream.getvalue()
    assert stream.getvalue().endswith("by [e-mail] credit_id=c1\n")


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_a_traceback_is_told(form: logging.Formatter) -> None:
    try:
        raise ValueError("odd")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "a fault", (), sys.exc_info(), "f")
    assert "ValueError: odd" in form.format(record)


def test_the_settings_are_read() -> None:
    assert read_log_settings({}) == ("text", "warning")
    assert read_log_settings({"TILLBRIDGE_LOG": "JSON", "TILLBRIDGE_LOG_LEVEL": "info"}) == ("json", "info")
    for name in ("TILLBRIDGE_LOG", "TILLBRIDGE_LOG_LEVEL"):
        with pytest.raises(SettingFault, match=name):
            read_log_settings({name: "loud"})


def test_ids_of_the_work_stay_readable(stream: io.StringIO) -> None:
    """A trace id may hold a run of digits that would be taken for a phone or a code in a sentence."""
    set_up("text", "info", stream)
    trace, credit = "01a201f20599751623456789be05d940", "01a201f2-0599-7516-be05-123456789012"
    with scope(Scope(trace_id=trace, credit_id=credit)):
        logging.getLogger("tillbridge.test").info("call %s", "+1 212 200 0072")
    assert f"trace_id={trace} credit_id={credit}" in stream.getvalue()
    assert "200 0072" not in stream.getvalue()
