"""The demo's inbox."""

from datetime import UTC, datetime, timedelta

from tillbridge.checkpoint.ports import Notifier
from tillbridge.connectors.inbox import Inbox
from tillbridge.kernel.clock import SetClock


async def test_the_newest_message_comes_first_and_the_oldest_are_forgotten() -> None:
    clock = SetClock(datetime(2026, 11, 21, tzinfo=UTC))
    inbox = Inbox(clock, most=3)
    sender: Notifier = inbox
    for number in range(5):
        clock.move(timedelta(seconds=1))
        await sender.send("ava@example.com", f"Code {number}", "123456")
    assert [message.subject for message in inbox.messages()] == ["Code 4", "Code 3", "Code 2"]
    assert inbox.messages()[0].sent_at == datetime(2026, 11, 21, 0, 0, 5, tzinfo=UTC)
