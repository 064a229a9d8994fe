"""What can be set from outside: one tuple of name, default and help. The docs are made from it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tillbridge.kernel.errors import SettingFault

SECRET_MIN: Final = 32
"""The least number of characters in the secret."""

LOG_FORMS: Final = ("text", "json")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
METRICS_READERS: Final = ("key", "loopback", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its name, its default as text, and a sentence of help."""

    name: str
    default: str
    help: str


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("TILLBRIDGE_DATA_DIR", "./tillbridge-data", "Folder for the embedded database, secrets and logs."),
    Setting("TILLBRIDGE_DATABASE_URL", "", "A PostgreSQL server (15 to 18) to use instead of the embedded one."),
    Setting("TILLBRIDGE_STACK", "./stack.toml", "The stack map the hub runs on."),
    Setting(
        "TILLBRIDGE_LAW", "", "A file of law of your own; its rows go before those that come with Tillbridge, by id."
    ),
    Setting(
        "TILLBRIDGE_SECRET",
        "",
        "Secret of at least 32 characters that codes are hashed with; default: a file made in the data folder."
        " All hubs of one database share it, and it must never be lost.",
    ),
    Setting("TILLBRIDGE_HOST", "127.0.0.1", "Address the hub listens on."),
    Setting("TILLBRIDGE_PORT", "8080", "Port the hub listens on; 0 takes a free one."),
    Setting(
        "TILLBRIDGE_PUBLIC_URL", "", "Address customers reach the hub by, for claim pages; default http://HOST:PORT."
    ),
    Setting(
        "TILLBRIDGE_SMTP_URL",
        "",
        "Mail server for one-time codes: smtp://user:password@host:587. For demos, inbox: shows them on a page.",
    ),
    Setting("TILLBRIDGE_MAIL_FROM", "", "Sender of one-time codes, such as credits@shop.example."),
    Setting("TILLBRIDGE_LOG", "text", "Form of log lines on the error stream: text for people, json for machines."),
    Setting(
        "TILLBRIDGE_LOG_LEVEL", "warning", "The least grave log lines that are written: debug, info, warning, error."
    ),
    Setting(
        "TILLBRIDGE_METRICS",
        "key",
        "Who may read /metrics: key (a key with the right metrics), loopback (anybody on this machine as well), off.",
    ),
    Setting(
        "TILLBRIDGE_OTLP_URL",
        "",
        "Where traces are sent, such as http://127.0.0.1:4318/v1/traces (OTLP over HTTP); needs the extra otel.",
    ),
    Setting(
        "TILLBRIDGE_LOOKUP_FAILURES_PER_KEY", "30", "How many look-ups of codes one key may have fail in a minute."
    ),
    Setting(
        "TILLBRIDGE_LOOKUP_FAILURES_PER_CODE", "5", "How many look-ups of one code may fail in 15 minutes, by any key."
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings as read. Paths are absolute; blank texts mean the default was left, and so does `law` of None."""

    data_dir: Path
    database_url: str
    stack: Path
    law: Path | None
    secret: str
    host: str
    port: int
    public_url: str
    smtp_url: str
    mail_from: str
    lookup_failures_per_key: int = 30
    lookup_failures_per_code: int = 5
    metrics: str = "key"
    otlp_url: str = ""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment. Raises SettingFault for one that cannot be used."""
    given = os.environ if environment is None else environment
    value = {setting.name: given.get(setting.name, "").strip() or setting.default for setting in SETTINGS}
    port = value["TILLBRIDGE_PORT"]
    if not port.isdecimal() or int(port) > 65535:
        raise SettingFault("TILLBRIDGE_PORT", f"{port!r} is no port", "Set a number from 0 to 65535.")
    return Settings(
        data_dir=Path(value["TILLBRIDGE_DATA_DIR"]).expanduser().absolute(),
        database_url=value["TILLBRIDGE_DATABASE_URL"],
        stack=Path(value["TILLBRIDGE_STACK"]).expanduser().absolute(),
        law=Path(value["TILLBRIDGE_LAW"]).expanduser().absolute() if value["TILLBRIDGE_LAW"] else None,
        secret=_secret(value["TILLBRIDGE_SECRET"]),
        host=value["TILLBRIDGE_HOST"],
        port=int(port),
        public_url=value["TILLBRIDGE_PUBLIC_URL"].rstrip("/"),
        smtp_url=value["TILLBRIDGE_SMTP_URL"],
        mail_from=value["TILLBRIDGE_MAIL_FROM"],
        lookup_failures_per_key=_count("TILLBRIDGE_LOOKUP_FAILURES_PER_KEY", value),
        lookup_failures_per_code=_count("TILLBRIDGE_LOOKUP_FAILURES_PER_CODE", value),
        metrics=_one_of("TILLBRIDGE_METRICS", value, METRICS_READERS),
        otlp_url=_web_address("TILLBRIDGE_OTLP_URL", value),
    )


def read_log_settings(environment: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Form and level of log lines, which are wanted before all else. Raises SettingFault for one that is none."""
    given = os.environ if environment is None else environment
    value = {setting.name: given.get(setting.name, "").strip() or setting.default for setting in SETTINGS}
    return _one_of("TILLBRIDGE_LOG", value, LOG_FORMS), _one_of("TILLBRIDGE_LOG_LEVEL", value, LOG_LEVELS)


def _one_of(name: str, value: Mapping[str, str], known: Sequence[str]) -> str:
    text = value[name].lower()
    if text not in known:
        raise SettingFault(name, f"{value[name]!r} is none of its values", f"Set one of {', '.join(known)}.")
    return text


def _web_address(name: str, value: Mapping[str, str]) -> str:
    text = value[name]
    if text and not text.startswith(("http://", "https://")):
        raise SettingFault(name, f"{text!r} is no web address", "Set one that begins with http:// or https://.")
    return text


def _count(name: str, value: Mapping[str, str]) -> int:
    text = value[name]
    if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 6 and int(text) > 0):
        raise SettingFault(name, f"{text!r} is no count", "Set a number from 1 to 999999.")
    return int(text)


def _secret(text: str) -> str:
    if text and len(text) < SECRET_MIN:
        mend = f"Set at least {SECRET_MIN} characters that nobody can guess."
        raise SettingFault("TILLBRIDGE_SECRET", "too short", mend)
    return text
