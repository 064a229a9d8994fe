"""Whether the secrets of a map tell its systems apart: a signature says who sent a message if no other can make it."""

import base64
from collections.abc import Mapping

from tillbridge.stack.model import System
from tillbridge.stack.table import Table, quoted


def check_apart(systems: Mapping[str, System], listed: Table) -> None:
    """No two systems have a secret in common, neither in force nor before. `listed` is `[systems]`. Raises StackFault,
    whose text never holds a secret."""
    first: dict[bytes, str] = {}
    for name, system in systems.items():
        for key, secret in (("secret", system.secret), ("secret_before", system.secret_before)):
            if secret and (other := first.setdefault(_bytes(secret), name)) != name:
                problem = (
                    f'"{key}" of {quoted(name)} is a secret of {quoted(other)} as well: each could sign as the other'
                )
                raise listed.table(name, "systems.NAME").fault(
                    key, problem, "Make a secret of its own for each system."
                )


def _bytes(secret: str) -> bytes:
    """What is signed with: one secret may be written in two ways."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"))
    return secret.encode()
