"""Is it alive, is it ready."""

from aiohttp import web

from tillbridge.api.requests import Asked, answer


async def get_healthz(_: Asked) -> web.Response:
    """The process answers."""
    return answer({"status": "alive"})


async def get_readyz(asked: Asked) -> web.Response:
    """The hub can confirm a credit: its database answers."""
    ready = await asked.hub.db.answers()
    return answer({"status": "ready" if ready else "the database does not answer"}, status=200 if ready else 503)
