"""What the hub signs with its secret: who is signed in, and which forms are its own. Pure; the moment is handed in."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Final

_LEAST_SECRET: Final = 16


def seal(secret: bytes, purpose: str, text: str) -> str:
    """A signature of a text for one purpose, in hex. Raises ValueError for a secret that is too short to be one."""
    if len(secret) < _LEAST_SECRET:
        raise ValueError(f"a secret has at least {_LEAST_SECRET} bytes")
    return hmac.new(secret, f"{purpose}\0{text}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def session(secret: bytes, key_id: str, until: datetime) -> str:
    """The value of the sign-in cookie: the public id of a key, until when, and the seal."""
    name = base64.urlsafe_b64encode(key_id.encode()).decode().rstrip("=")
    body = f"{name}.{int(until.timestamp())}"
    return f"{body}.{seal(secret, 'session', body)}"


def key_id_of(secret: bytes, cookie: str, now: datetime) -> str | None:
    """The key id in a sign-in cookie; None when the seal is not ours or the time is up."""
    body, _, given = cookie.rpartition(".")
    name, _, until = body.partition(".")
    if not _equal(seal(secret, "session", body), given):
        return None
    if now.timestamp() >= int(until):
        return None
    try:
        return base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def form_token(secret: bytes, browser: str, session_cookie: str) -> str:
    """What our forms carry: it fits one browser's cookie, and the sign-in that the form was shown to."""
    return seal(secret, "form", f"{browser}\0{session_cookie}")


def is_our_form(secret: bytes, browser: str, session_cookie: str, given: str) -> bool:
    """Whether a form was made here, for this browser and this sign-in."""
    return bool(browser) and _equal(form_token(secret, browser, session_cookie), given)


def _equal(ours: str, given: str) -> bool:
    """Compare in a time that tells nothing. What is given may be any bytes, as browsers' cookies may."""
    return hmac.compare_digest(ours.encode(), given.encode(errors="surrogatepass"))
