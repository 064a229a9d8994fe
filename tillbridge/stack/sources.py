"""`[systems.NAME.source]`: where the hub fetches what a system does not send by itself. Read, and held to its hop."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from tillbridge.stack.exports import COLUMNS, NEEDED, PRESETS, Columns, preset_for
from tillbridge.stack.model import Brings, Hop, Role, Source, SourceKind, System, Trigger
from tillbridge.stack.schedule import check_cron
from tillbridge.stack.table import Table, choices, nearest, quoted
from tillbridge.stack.terms import BRINGS, SOURCES, time_zones

_FILES: Final = ("path", "pattern", "preset", "columns", "fixed", "values", "delimiter", "settle", "marker")
_OF_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "folder": _FILES,
    "sftp": (*_FILES, "url", "timeout", "password", "private_key", "host_key"),
    "http": ("url", "columns", "fixed", "values", "overlap", "page", "timeout", "token"),
}
"""The keys that mean something for each kind; `kind`, `what`, the rhythm, `time_zone` and `verified` do for all."""

_ALWAYS: Final = ("kind", "what", "interval", "schedule", "time_zone", "verified")
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "folder": ("path",),
    "sftp": ("url", "path", "host_key"),
    "http": ("url",),
}
_HOST_KEY: Final = re.compile(r"(ssh-[a-z0-9@.-]+|ecdsa-[a-z0-9-]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+={0,3}( .*)?")
_DELIMITERS: Final = (",", ";", "|", "tab")
_LONGEST_OVERLAP: Final = timedelta(days=7)


def read_source(system: Table, role: Role, environment: Mapping[str, str]) -> Source | None:
    """The source of a system, or None where it has none. Sales have no rhythm yet. Raises StackFault."""
    if "source" not in system.values:
        return None
    table = system.table("source", "systems.NAME.source")
    kind, what = SourceKind(table.choice("kind", SOURCES)), Brings(table.choice("what", BRINGS))
    if role is Role.PLATFORM:
        raise table.fault(None, "a platform is what others are taken in for", "Write the source of another system.")
    _keys_fit(table, kind)
    preset = PRESETS[_preset(table, what)]
    fixed = {**preset.fixed, **_words(table, "fixed", what)}
    trigger, interval, schedule = _rhythm(table, what)
    zone = table.choice("time_zone", time_zones()) if "time_zone" in table.values else ""
    return Source(
        kind=kind,
        what=what,
        trigger=trigger,
        interval=interval,
        schedule=schedule,
        path=table.text("path"),
        url=_address(table, kind),
        pattern=_plain_name(table, "pattern", "*.csv"),
        preset=_preset(table, what),
        columns=_columns(table, what, preset.columns, fixed),
        fixed=fixed,
        values=_values(table, what, preset.values),
        delimiter=_delimiter(table),
        time_zone=zone,
        settle=table.duration("settle", "5s"),
        marker=_plain_name(table, "marker", ""),
        overlap=_overlap(table),
        page=table.whole("page", 500, 1, 10_000),
        timeout=table.duration("timeout", "30s"),
        token=read_secret(table, "token", environment),
        password=read_secret(table, "password", environment),
        private_key=_private_key(table, kind, environment),
        host_key=_host_key(table),
        verified=_verified(table, what, role),
    )


def with_rhythm(
    systems: Mapping[str, System], hops: Sequence[Hop], authority: str, listed: Table
) -> Mapping[str, System]:
    """The systems with the rhythm of their hop in the sources of sales. Raises StackFault for one that has no such hop,
    or whose hop says that the system sends by itself."""
    return {name: _with_rhythm(system, hops, authority, listed) for name, system in systems.items()}


def _with_rhythm(system: System, hops: Sequence[Hop], authority: str, listed: Table) -> System:
    source = system.source
    if source is None or source.what is not Brings.SALES:
        return system
    table = listed.table(system.name, "systems.NAME").table("source", "systems.NAME.source")
    hop = next((one for one in hops if (one.source, one.target) == (system.name, authority)), None)
    if hop is None:
        problem = f'sales of "{system.name}" are fetched, and no hop leads from it to "{authority}"'
        raise table.fault("what", problem, "Add the hop, with trigger poll or batch: it says when they are fetched.")
    if hop.trigger is Trigger.WEBHOOK:
        problem = f'sales of "{system.name}" are fetched, and its hop to "{authority}" is a webhook: it sends them'
        raise table.fault("what", problem, "Make the hop poll or batch, or leave out the source.")
    rhythm = replace(source, trigger=hop.trigger, interval=hop.interval, schedule=hop.schedule)
    return replace(system, source=rhythm)


def read_secret(table: Table, key: str, environment: Mapping[str, str]) -> str:
    """The secret itself; the text of a fault never holds it. Raises StackFault."""
    secret = table.text(key)
    if secret.startswith("env:"):
        name = secret.removeprefix("env:").strip()
        secret = environment.get(name, "").strip()
        if not secret:
            problem = f'"{key}" of {table.title} is to be read from the environment, where {quoted(name)} is not set'
            raise table.fault(key, problem, "Set it before the hub starts, or name another variable.")
    if secret.startswith("whsec_") and not _is_base64(secret.removeprefix("whsec_")):
        problem = f'"{key}" of {table.title} begins with whsec_ and goes on with no base64'
        raise table.fault(key, problem, "Copy it again, whole, from where it was made.")
    return secret


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


def _keys_fit(table: Table, kind: SourceKind) -> None:
    """What is written means something for this kind, and what the kind needs is there."""
    for key in table.values:
        if key not in _ALWAYS and key not in _OF_KIND[kind]:
            raise table.fault(key, f'"{key}" is not for sources of kind {kind}', "Leave it out, or change the kind.")
    for key in _NEEDED[kind]:
        if key not in table.values:
            mend = "Its public key, as `ssh-keyscan` prints it." if key == "host_key" else "See the reference."
            raise table.fault("kind", f'a source of kind {kind} needs "{key}"', f"Add it. {mend}")


def _preset(table: Table, what: Brings) -> str:
    if "preset" not in table.values:
        return preset_for(what)
    name = table.choice("preset", PRESETS)
    if PRESETS[name].what != what:
        fitting = [known for known, preset in PRESETS.items() if preset.what == what]
        raise table.fault("preset", f'"{name}" brings {PRESETS[name].what}, not {what}', f"Use {choices(fitting)}.")
    return name


def _rhythm(table: Table, what: Brings) -> tuple[Trigger, timedelta | None, str]:
    """The rhythm of a directory; that of sales is their hop's, and saying it twice would let the two differ."""
    given = [key for key in ("interval", "schedule") if key in table.values]
    if what is Brings.SALES:
        if given:
            problem = f'"{given[0]}" of {table.title} is said by the hop of the sales'
            raise table.fault(given[0], problem, "Write it on the hop to the authority.")
        return Trigger.POLL, None, ""
    if len(given) != 1:
        problem = f'{table.title} needs one of "interval" and "schedule"'
        raise table.fault(given[-1] if given else "what", problem, 'Add how often it is fetched: interval = "1h".')
    if given == ["interval"]:
        return Trigger.POLL, table.duration("interval"), ""
    schedule = table.text("schedule")
    try:
        check_cron(schedule)
    except ValueError as error:
        mend = 'Write minute, hour, day, month and weekday: "0 2 * * *" is every night at two.'
        raise table.fault("schedule", f"{quoted(schedule)} is no timetable: {error}", mend) from None
    return Trigger.BATCH, None, schedule


def _address(table: Table, kind: SourceKind) -> str:
    url = table.text("url")
    if not url:
        return ""
    wanted = ("sftp",) if kind is SourceKind.SFTP else ("http", "https")
    try:
        parts = urlsplit(url)
        whole = parts.scheme in wanted and bool(parts.hostname) and parts.port != 0 and " " not in url
        told = kind is not SourceKind.SFTP or (bool(parts.username) and not parts.path.strip("/"))
    except ValueError:
        raise table.fault("url", f'"url" of {table.title} is no address', "Write it whole.") from None
    if not whole or not told or parts.password or parts.fragment:
        example = "sftp://user@host:22" if kind is SourceKind.SFTP else "https://host/path"
        mend = f'Write it whole and without a password: "{example}".'
        raise table.fault("url", f'"url" of {table.title} is no address of kind {kind}', mend)
    return url


def _plain_name(table: Table, key: str, default: str) -> str:
    name = table.text(key, default)
    if "/" in name or "\\" in name:
        raise table.fault(key, f'"{key}" of {table.title} names a folder', "Write a name, and the folder as path.")
    return name


def _columns(table: Table, what: Brings, preset: Columns, fixed: Mapping[str, str]) -> Columns:
    """The preset's columns under the map's. What is fixed is not read; an empty list says that they have no such
    column, which only what a row may leave blank can lack."""
    own: dict[str, tuple[str, ...]] = {}
    if "columns" in table.values:
        inner = table.table("columns", "systems.NAME.source.columns")
        for name, value in inner.values.items():
            _must_be_ours(inner, name, what)
            if name in fixed:
                raise inner.fault(name, f'"{name}" is fixed, and has a column as well', "Leave one of them out.")
            own[name] = (inner.text(name),) if isinstance(value, str) else inner.texts(name)
            if not own[name] and name in NEEDED[what]:
                raise inner.fault(name, f'every row needs "{name}"', "Name their column, or write it into fixed.")
    return {name: theirs for name, theirs in {**preset, **own}.items() if theirs and name not in fixed}


def _words(table: Table, key: str, what: Brings) -> Mapping[str, str]:
    if key not in table.values:
        return {}
    inner = table.table(key, f"systems.NAME.source.{key}")
    for name in inner.values:
        _must_be_ours(inner, name, what)
    return {name: inner.text(name) for name in inner.values}


def _values(table: Table, what: Brings, preset: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    own: dict[str, Mapping[str, str]] = {}
    if "values" in table.values:
        inner = table.table("values", "systems.NAME.source.values")
        for name in inner.values:
            _must_be_ours(inner, name, what)
            words = inner.table(name, "systems.NAME.source.values.NAME")
            own[name] = {theirs.strip().casefold(): words.text(theirs) for theirs in words.values}
    return {name: {**preset.get(name, {}), **own.get(name, {})} for name in {*preset, *own}}


def _must_be_ours(table: Table, name: str, what: Brings) -> None:
    if name not in COLUMNS[what]:
        mend = nearest(name, COLUMNS[what], f"Use {choices(COLUMNS[what])}.")
        raise table.fault(name, f"{quoted(name)} is no column of {what}", mend)


def _delimiter(table: Table) -> str:
    text = table.choice("delimiter", _DELIMITERS) if "delimiter" in table.values else ","
    return "\t" if text == "tab" else text


def _overlap(table: Table) -> timedelta:
    overlap = table.duration("overlap", "10m")
    if overlap > _LONGEST_OVERLAP:
        raise table.fault("overlap", f'"overlap" of {table.title} is longer than a week', "Write a shorter one.")
    return overlap


def _private_key(table: Table, kind: SourceKind, environment: Mapping[str, str]) -> str:
    """The key's text, or `file:` and where it is. One of password and key is how the hub gets in."""
    if kind is not SourceKind.SFTP:
        return ""
    if ("password" in table.values) == ("private_key" in table.values):
        mend = 'Write private_key = "env:NAME" or password = "env:NAME".'
        raise table.fault("url", f'{table.title} needs one of "password" and "private_key"', mend)
    key = table.text("private_key")
    return read_secret(table, "private_key", environment) if key.startswith("env:") else key and f"file:{key}"


def _host_key(table: Table) -> str:
    key = table.text("host_key")
    if key and not _HOST_KEY.fullmatch(key):
        mend = 'Write its kind and the key, as `ssh-keyscan` prints them behind the name: "ssh-ed25519 AAAA…".'
        raise table.fault("host_key", f'"host_key" of {table.title} is no public key', mend)
    return key


def _verified(table: Table, what: Brings, role: Role) -> bool:
    """Whether what the directory says of a person was proved by that person: only a storefront has asked them."""
    if "verified" in table.values and what is not Brings.CUSTOMERS:
        raise table.fault("verified", '"verified" is for customers', "Leave it out.")
    verified = table.flag("verified") if "verified" in table.values else role is Role.STOREFRONT
    if verified and what is Brings.CUSTOMERS and role is not Role.STOREFRONT:
        problem = f"customers of a system of role {role} are not verified: only a storefront lets them prove an address"
        raise table.fault("verified", problem, "Leave it out: then they link nobody by themselves.")
    return verified
