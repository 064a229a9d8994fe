"""A batch of commands: each is the body of its endpoint, with its type, its key and what it is about."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tillbridge.api.bodies.fields import Strict
from tillbridge.credit.keys import KEY_MAX

COMMANDS_MAX: Final = 500
"""The most commands in one batch."""

Key = Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]
Subject = Annotated[str, Meta(min_length=1, max_length=320)]


class BatchBody(Strict, frozen=True, kw_only=True):
    """Up to 500 commands, each with an answer of its own."""

    commands: Annotated[
        list[msgspec.Raw],
        Meta(
            min_length=1,
            max_length=COMMANDS_MAX,
            description="list of 1 to 500 commands, each with `type`, `key`, what it is about, and the fields of its"
            " endpoint",
        ),
    ]
