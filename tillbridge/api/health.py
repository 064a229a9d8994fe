"""Is it alive, is it ready."""

from pathlib import PurePath

from aiohttp import web

from tillbridge.api.requests import Asked, answer
from tillbridge.kernel.errors import StackFault


async def get_healthz(_: Asked) -> web.Response:
    """The process answers."""
    return answer({"status": "alive"})


async def get_readyz(asked: Asked) -> web.Response:
    """The hub can confirm a credit: its database answers. A map that was refused while it ran is a warning."""
    ready = await asked.hub.db.answers()
    said = {"status": "ready" if ready else "the database does not answer"}
    refused = asked.hub.refused_map()
    warnings = {"warnings": [map_warning(refused)]} if refused else {}
    return answer({**said, **warnings}, status=200 if ready else 503)


def map_warning(fault: StackFault) -> str:
    """Why the map was refused, for anybody: the folder it lies in is left out."""
    place = f"{PurePath(fault.file).name}:{fault.line}"
    return f"The map was refused, and the one before it runs on. {place}: {fault.problem}. {fault.mend}"
