"""One name for one credit, whoever tells of it: live systems know it by the hub's id, files by its code."""

import re
from typing import Final
from uuid import UUID

_BREAKS: Final = re.compile(r"[\s-]+")


def plain(text: str) -> str:
    """A code or an id as the sides compare it: without blanks and hyphens, in capitals."""
    return _BREAKS.sub("", text).upper()


def key_of(credit_id: UUID) -> str:
    """The name of a credit that no file names by its code: its id, as `plain` spells it."""
    return credit_id.hex.upper()
