"""How `tillbridge reconcile` ends where it does not come to its end: never with the exit status of a result."""

import errno
import signal
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

import click

from tillbridge.kernel.errors import BadInput, TillbridgeError

UNUSABLE = 2
"""The exit status of a run without a result: 0 and 1 are results."""


@contextmanager
def ending() -> Iterator[None]:
    """Stopped by Ctrl-C or by SIGTERM, the work is undone alike: what was staged holds codes and e-mails, and does not
    stay behind. Stopped, or at a defect of ours, the exit status is 2: whoever reads it must not take it for findings.

    Raises BadInput where the disk for what is staged is full.
    """
    stopped = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        raise KeyboardInterrupt

    # Python lets no other thread than the first one hear of signals.
    heard = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    except (TillbridgeError, click.ClickException):
        raise
    # Engines hand on what was raised within their calls as an error of their own.
    except (Exception, KeyboardInterrupt) as error:
        if not stopped and _disk_is_full(error):
            mend = "Make room there, or set TMPDIR to a folder with about twice the room that the files take."
            raise BadInput("TMPDIR", f"the disk of {tempfile.gettempdir()} is full", mend) from error
        click.echo("Stopped: nothing was compared to its end." if stopped else traceback.format_exc(), err=True)
        raise SystemExit(UNUSABLE) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _disk_is_full(error: BaseException) -> bool:
    """Whether the disk had no room; engines say so in words alone."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or any(words in str(error) for words in ("No space left on device", '"errno":"28"'))
