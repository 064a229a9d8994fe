"""A notifier for demos: what would be sent lies in memory, newest first, and is shown on a page."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tillbridge.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it would have gone out. `sent_at` is aware, in UTC."""

    to: str
    subject: str
    text: str
    sent_at: datetime


class Inbox:
    """Keeps the last `most` messages of all receivers; older ones are forgotten."""

    phones = True

    def __init__(self, clock: Clock, most: int = 200) -> None:
        self._clock = clock
        self._messages: deque[Message] = deque(maxlen=most)

    async def send(self, to: str, subject: str, text: str) -> None:
        """Keep the message. Never fails."""
        self._messages.appendleft(Message(to, subject, text, self._clock.now()))

    def messages(self) -> Sequence[Message]:
        """What was sent, newest first."""
        return tuple(self._messages)
