"""A notifier that hands messages to a mail server over SMTP."""

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from tillbridge.checkpoint.ports import NotSent
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.errors import SettingFault
from tillbridge.kernel.ids import Ids

_PORTS: Final = {"smtp": 587, "smtps": 465}
_SETTING: Final = "TILLBRIDGE_SMTP_URL"
_SENDER: Final = "TILLBRIDGE_MAIL_FROM"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. `tls` is from the first byte (`smtps`); without it STARTTLS is used when offered, and
    has to be offered where `starttls_required`. `timeout` is in seconds, for connecting and for each answer."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    starttls_required: bool = False
    timeout: float = 10.0


def mail_server(url: str, sender: str) -> MailServer:
    """The settings as a value: `smtp://user:password@host:587`, `smtps://host`, `smtp://host?starttls=required`.

    Raises SettingFault, which never repeats the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingFault(_SETTING, "it is no address", "Write smtp://user:password@host:587.") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise SettingFault(_SETTING, "it is no mail server's address", "Write smtp://user:password@host:587.")
    wish = parse_qs(parts.query).get("starttls", ["offered"])[-1]
    if wish not in {"offered", "required"}:
        raise SettingFault(_SETTING, f"starttls={wish} is not known", "Write starttls=required, or leave it out.")
    return MailServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        sender=_checked_sender(sender),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=parts.scheme == "smtps",
        starttls_required=wish == "required",
    )


def _checked_sender(sender: str) -> str:
    try:
        address = Address(addr_spec=sender)
    except (ValueError, MessageError, IndexError):
        address = None
    if address is None or not address.username or not address.domain:
        raise SettingFault(_SENDER, f"{sender!r} is no e-mail address", "Write one such as credits@shop.example.")
    return sender


class SmtpNotifier:
    """Sends each message over a connection of its own: one-time codes are few, and none waits for another.

    `trust` holds the certificates to believe, by default those of the machine.
    """

    phones = False

    def __init__(self, server: MailServer, clock: Clock, ids: Ids, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._clock = clock
        self._ids = ids
        self._trust = trust or ssl.create_default_context()

    async def send(self, to: str, subject: str, text: str) -> None:
        """Hand one message to the mail server. Raises NotSent: a bad address, no server, or what the server said."""
        message = self._message(to, subject, text)
        server = self._server
        # STARTTLS is asked for below, so that a refusal can be told from a server that is not there.
        client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=False,
            timeout=server.timeout,
            tls_context=self._trust,
        )
        try:
            await client.connect()
            await self._secure(client)
            if server.user:
                await client.login(server.user, server.password)
            await client.send_message(message)
        except (SMTPException, ssl.SSLError, OSError) as error:
            raise NotSent(_sentence(error, server)) from error
        finally:
            await _leave(client)

    async def _secure(self, client: SMTP) -> None:
        """Turn to TLS where the server offers it. A password is never sent in the clear to another machine."""
        server = self._server
        if server.tls:
            return
        await client.ehlo()
        if client.supports_extension("starttls"):
            await client.starttls()
        elif server.starttls_required or (server.user and not _is_loopback(server.host)):
            raise NotSent(f"The mail server {server.host} offers no encryption; use smtps:// or a server that does.")

    def _message(self, to: str, subject: str, text: str) -> EmailMessage:
        message = EmailMessage(policy=WIRE)
        sender = self._server.sender
        try:
            receiver = Address(addr_spec=to)
            message["From"] = Address(addr_spec=sender)
            message["To"] = receiver
            message["Subject"] = " ".join(subject.split())
        except (ValueError, MessageError, IndexError):
            raise NotSent("The message was not sent: its receiver is no e-mail address.") from None
        if not receiver.username or not receiver.domain:
            raise NotSent("The message was not sent: its receiver is no e-mail address.")
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{self._ids.new()}@{sender.rpartition('@')[2]}>"
        # Out-of-office answers to one-time codes help nobody.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        return message


async def _leave(client: SMTP) -> None:
    """Say goodbye where somebody still listens: the message is with the server, or it is not, either way."""
    if client.is_connected:
        with suppress(SMTPException, OSError):
            await client.quit()
    client.close()


def _sentence(error: Exception, server: MailServer) -> str:
    """What went wrong, and what to look at, in one sentence."""
    where = f"The mail server {server.host}:{server.port}"
    said = f"{error.code} {error.message}" if isinstance(error, SMTPResponseException) else type(error).__name__
    if isinstance(error, SMTPAuthenticationError):
        return f"{where} refused the user or the password ({said})."
    if isinstance(error, SMTPRecipientsRefused):
        return f"{where} refused the receiver ({error.recipients[0].code} {error.recipients[0].message})."
    if isinstance(error, SMTPTimeoutError):
        return f"{where} did not answer within {server.timeout:g} s."
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return f"{where} could not be trusted ({error})."
    if isinstance(error, SMTPServerDisconnected):
        return f"{where} hung up."
    if isinstance(error, SMTPConnectError | OSError):
        return f"{where} cannot be reached."
    return f"{where} refused the message ({said})."


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
