"""What the checkpoint asks of the outside: a way to send a person a message."""

from typing import Protocol

from tillbridge.kernel.errors import TillbridgeError


class NotSent(TillbridgeError):
    """A message did not go out; the sentence says why and what to mend, and never holds the message itself."""


class Notifier(Protocol):
    """Sends a message to one person. `phones` is whether it reaches phones, beside e-mail addresses."""

    phones: bool

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand the message over for delivery to `to` (an e-mail address or a phone number). Raises NotSent."""
