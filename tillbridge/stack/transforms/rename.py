"""`rename-fields`: the fields of a body under the names that the target knows."""

from collections.abc import Mapping
from typing import Any, Final

from tillbridge.stack.settings import RenameFields

_NOTHING: Final = object()


def rename(settings: RenameFields, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """All fields are taken out before any is put in its new place, so that two may change places. A field that an event
    has not got is passed over; an object that was emptied is left out."""
    rest = {name: _opened(value) for name, value in body.items()}
    taken = [(target, _take(rest, ours.split("."))) for ours, target in settings.names]
    for ours in settings.drop:
        _take(rest, ours.split("."))
    for target, value in taken:
        if value is not _NOTHING:
            _put(rest, target.split("."), value)
    return rest


def _opened(value: Any) -> Any:
    """A copy as far as objects go, so that the body itself is never changed."""
    return {name: _opened(inner) for name, inner in value.items()} if isinstance(value, Mapping) else value


def _take(place: dict[str, Any], path: list[str]) -> Any:
    if len(path) == 1:
        return place.pop(path[0], _NOTHING)
    inner = place.get(path[0])
    if not isinstance(inner, dict):
        return _NOTHING
    value = _take(inner, path[1:])
    if not inner and value is not _NOTHING:
        del place[path[0]]
    return value


def _put(place: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = value
