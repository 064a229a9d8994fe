"""The mail notifier against a real SMTP server on loopback."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tillbridge.checkpoint.ports import Notifier, NotSent
from tillbridge.connectors.smtp import MailServer, SmtpNotifier, mail_server
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.errors import SettingFault
from tillbridge.kernel.ids import Ids

CLOCK = SetClock(datetime(2026, 11, 21, 19, 2, tzinfo=UTC))
SENDER = "credits@shop.example"
AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert("127.0.0.1")


class Post:
    """Keeps what a mail server took in; refuses one receiver."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, EmailMessage]] = []
        self.encrypted: list[bool] = []

    async def handle_RCPT(  # noqa: N802 - the server calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.taken.extend((receiver, message) for receiver in envelope.rcpt_tos)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


def server_side() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    LEAF.configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"shop", b"s:cr@t"), handled=False)


@asynccontextmanager
async def listening(make: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def smtp(post: Post, **options: Any) -> Callable[[], asyncio.Protocol]:
    return partial(SMTP, post, hostname="mail.test", **options)


def notifier(url: str, timeout: float = 5.0) -> SmtpNotifier:
    server = mail_server(url, SENDER)
    quick = MailServer(**{name: getattr(server, name) for name in server.__slots__} | {"timeout": timeout})
    return SmtpNotifier(quick, CLOCK, Ids(CLOCK, random.Random(2)), trusting())


async def test_a_message_arrives_as_it_was_written() -> None:
    post = Post()
    async with listening(smtp(post)) as port:
        sender: Notifier = notifier(f"smtp://127.0.0.1:{port}")
        await sender.send("ava.reid@example.com", "Ihr Code für Łódź", "Your code is 123456.\n\n€88,00\n")
    [(receiver, message)] = post.taken
    assert receiver == "ava.reid@example.com"
    assert (message["From"], message["To"]) == (SENDER, "ava.reid@example.com")
    assert message["Subject"] == "Ihr Code für Łódź"
    assert message["Date"].datetime == CLOCK.now()
    assert message["Message-ID"].endswith("@shop.example>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == ["Your code is 123456.", "", "€88,00"]


async def test_a_subject_cannot_add_headers() -> None:
    post = Post()
    async with listening(smtp(post)) as port:
        await notifier(f"smtp://127.0.0.1:{port}").send("a@example.com", "Code\r\nBcc: eve@example.com", "1")
    [(_, message)] = post.taken
    assert message["Bcc"] is None
    assert message["Subject"] == "Code Bcc: eve@example.com"


async def test_starttls_is_used_when_offered() -> None:
    post = Post()
    offering = smtp(post, tls_context=server_side(), auth_callback=None)
    async with listening(offering) as port:
        await notifier(f"smtp://127.0.0.1:{port}").send("a@example.com", "Code", "1")
    assert post.encrypted == [True]


async def test_tls_from_the_first_byte_and_a_login() -> None:
    post = Post()
    server = smtp(post, authenticator=login, auth_require_tls=False)
    async with listening(server, server_side()) as port:
        await notifier(f"smtps://shop:s%3Acr%40t@127.0.0.1:{port}").send("a@example.com", "Code", "1")
        with pytest.raises(NotSent, match="refused the user or the password") as refused:
            await notifier(f"smtps://shop:wrong-word@127.0.0.1:{port}").send("a@example.com", "Code", "1")
    assert "wrong-word" not in str(refused.value)
    assert len(post.taken) == 1


async def test_a_certificate_of_nobody_is_not_trusted() -> None:
    async with listening(smtp(Post()), server_side()) as port:
        server = mail_server(f"smtps://127.0.0.1:{port}", SENDER)
        careful = SmtpNotifier(server, CLOCK, Ids(CLOCK, random.Random(2)))
        with pytest.raises(NotSent, match="could not be trusted"):
            await careful.send("a@example.com", "Code", "1")


async def test_required_encryption_that_is_not_offered() -> None:
    post = Post()
    async with listening(smtp(post)) as port:
        with pytest.raises(NotSent, match="offers no encryption"):
            await notifier(f"smtp://127.0.0.1:{port}?starttls=required").send("a@example.com", "Code", "1")
    assert post.taken == []


async def test_a_refused_receiver() -> None:
    async with listening(smtp(Post())) as port:
        with pytest.raises(NotSent, match=r"refused the receiver \(550 no such mailbox"):
            await notifier(f"smtp://127.0.0.1:{port}").send("nobody@example.com", "Code", "1")


async def test_no_server_there() -> None:
    async with listening(smtp(Post())) as port:
        pass
    with pytest.raises(NotSent, match="cannot be reached"):
        await notifier(f"smtp://127.0.0.1:{port}").send("a@example.com", "Code", "1")


async def test_a_server_that_says_nothing() -> None:
    async with listening(asyncio.Protocol) as port:
        with pytest.raises(NotSent, match=r"did not answer within 0\.2 s"):
            await notifier(f"smtp://127.0.0.1:{port}", timeout=0.2).send("a@example.com", "Code", "1")


class HangsUp(asyncio.Protocol):
    """Says hello and is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"220 mail.test\r\n")
        transport.close()


async def test_a_server_that_hangs_up() -> None:
    async with listening(HangsUp) as port:
        with pytest.raises(NotSent, match=r"hung up|cannot be reached"):
            await notifier(f"smtp://127.0.0.1:{port}").send("a@example.com", "Code", "1")


@pytest.mark.parametrize("to", ["", "+1 212 555 0141", "no at sign", "a@", "@example.com", "a@b\r\nBcc: c@d", "a@b c"])
async def test_a_receiver_that_is_no_address(to: str) -> None:
    with pytest.raises(NotSent, match="no e-mail address"):
        await notifier("smtp://127.0.0.1:1").send(to, "Code", "1")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 587, SENDER)),
        ("smtp://mail.example:25", MailServer("mail.example", 25, SENDER)),
        ("smtps://u%40x:p%2Fw@mail.example", MailServer("mail.example", 465, SENDER, "u@x", "p/w", tls=True)),
        ("smtp://mail.example?starttls=required", MailServer("mail.example", 587, SENDER, starttls_required=True)),
        ("smtp://[::1]:2525", MailServer("::1", 2525, SENDER)),
    ],
)
def test_the_setting_is_read(url: str, server: MailServer) -> None:
    assert mail_server(url, SENDER) == server


@pytest.mark.parametrize(
    ("url", "sender", "setting"),
    [
        ("http://mail.example", SENDER, "TILLBRIDGE_SMTP_URL"),
        ("mail.example:25", SENDER, "TILLBRIDGE_SMTP_URL"),
        ("smtp://", SENDER, "TILLBRIDGE_SMTP_URL"),
        ("smtp://u:secret-word@host:port", SENDER, "TILLBRIDGE_SMTP_URL"),
        ("smtp://host?starttls=never", SENDER, "TILLBRIDGE_SMTP_URL"),
        ("smtp://host", "", "TILLBRIDGE_MAIL_FROM"),
        ("smtp://host", "shop", "TILLBRIDGE_MAIL_FROM"),
    ],
)
def test_a_setting_that_cannot_be_used(url: str, sender: str, setting: str) -> None:
    with pytest.raises(SettingFault) as fault:
        mail_server(url, sender)
    assert fault.value.setting == setting
    assert "secret-word" not in str(fault.value)


def test_a_password_is_not_shown() -> None:
    assert "secret-word" not in repr(mail_server("smtp://u:secret-word@host", SENDER))


async def test_a_password_is_not_sent_in_the_clear_to_another_machine() -> None:
    # An old way to write 127.0.0.1: it leads here, and is no address that we take for this machine.
    post = Post()
    async with listening(smtp(post, authenticator=login, auth_require_tls=False)) as port:
        with pytest.raises(NotSent, match="offers no encryption"):
            await notifier(f"smtp://shop:word@127.1:{port}").send("a@example.com", "Code", "1")
        await notifier(f"smtp://shop:s%3Acr%40t@127.0.0.1:{port}").send("a@example.com", "Code", "1")
    assert len(post.taken) == 1
