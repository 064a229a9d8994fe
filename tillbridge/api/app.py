"""The hub's HTTP application."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web

from tillbridge.api.audit import Audit
from tillbridge.api.bodies.fields import BODY_MAX, LONG_BODY_MAX
from tillbridge.api.docs import add_docs
from tillbridge.api.keys import Keys
from tillbridge.api.metrics import Metrics
from tillbridge.api.model import Denial
from tillbridge.api.problems import failed, problem, unforeseen
from tillbridge.api.requests import AUDIT, HUB, IN_FLIGHT, KEYS, REFUSED_EVENTS, RIGHT, WHO, handler_of
from tillbridge.api.routes import ROUTES
from tillbridge.api.signs import Signs
from tillbridge.api.watched import add_metrics, watched
from tillbridge.checkpoint.sentences import CASHIER
from tillbridge.kernel.errors import BadInput, DatabaseFault, NotAllowed, NotSigned, TillbridgeError, TooMany
from tillbridge.wiring import Hub

_LOG: Final = logging.getLogger("tillbridge.api")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

AUDITED: Final = frozenset({401, 403, 429})
"""Answers that leave an audit line."""

_REASON: Final = web.RequestKey("reason", str)


@web.middleware
async def audited(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whoever is turned away leaves an audit line, at the endpoints and at the pages."""
    response = await handler(request)
    if response.status in AUDITED:
        request.app[AUDIT].note(_denial(request, response.status))
    return response


def _denial(request: web.Request, status: int) -> Denial:
    """What is said of a request that was turned away: nothing that the caller could write at will."""
    resource = request.match_info.route.resource
    return Denial(
        status=status,
        who=request.get(WHO, ""),
        method=request.method,
        path="" if resource is None else resource.canonical,
        right=request.get(RIGHT, ""),
        reason=request.get(_REASON, "page"),
        remote=request.remote or "",
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong leaves as a problem document, and never as a trace."""
    try:
        return await handler(request)
    except DatabaseFault:
        return _faulty(request)
    except TillbridgeError as error:
        _remember(request, error)
        return failed(error)
    except web.RequestPayloadError:
        return failed(BadInput("body", "it did not come whole", "Send it again."))
    except web.HTTPException as error:
        return error if error.status < 400 else _of_http(error)
    except ConnectionResetError:
        raise
    except Exception:
        return _faulty(request)


def _remember(request: web.Request, error: TillbridgeError) -> None:
    """Keep for the audit line why somebody is turned away, and who it is as far as that is known."""
    if isinstance(error, NotAllowed):
        request[_REASON] = error.reason
        request[WHO] = request.get(WHO) or error.who
    elif isinstance(error, NotSigned):
        request[_REASON] = error.reason
    elif isinstance(error, TooMany):
        request[_REASON] = error.code


def _faulty(request: web.Request) -> web.Response:
    """A defect of ours: the log has it whole, the caller is told nothing of the inside."""
    _LOG.exception("a fault while answering %s %s", request.method, request.match_info.route.resource)
    return unforeseen()


def _of_http(error: web.HTTPException) -> web.Response:
    """What the server itself refuses: no such path, wrong method, body too large."""
    cashier = CASHIER["bad-input"]
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        mend = f"Send at most {BODY_MAX} bytes, or {LONG_BODY_MAX} to /v1/events and /v1/batches."
        detail = f"body: it is too large. {mend}"
        title = "Body too large"
        return problem(413, "body-too-large", title, detail, cashier=cashier, retry="new_key", field="body", mend=mend)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allow = {"Allow": ", ".join(sorted(error.allowed_methods))}
        detail = f"This address takes {allow['Allow']}."
        return problem(405, "wrong-method", "Wrong method", detail, cashier=cashier, retry="never", headers=allow)
    detail = f"The hub answered {error.status} {error.reason}. The documentation is at /docs."
    code = "not-found" if error.status == 404 else "bad-request"
    return problem(error.status, code, error.reason, detail, cashier=cashier, retry="never")


def make_app(hub: Hub) -> web.Application:
    """The endpoints of ROUTES and the documentation, on a running hub. Pages for people are added by the caller."""
    app = web.Application(middlewares=[watched, audited, problems], client_max_size=LONG_BODY_MAX)
    app[HUB] = hub
    metrics = Metrics(Signs(hub.db, hub.stack, hub.clock))
    add_metrics(app, hub, metrics)
    app[KEYS] = Keys(hub.db, hub.clock)
    app[AUDIT] = Audit(hub.db, hub.clock, hub.ids)
    app.cleanup_ctx.append(_auditing)
    app[IN_FLIGHT] = set()
    app[REFUSED_EVENTS] = metrics.refused_webhook
    for route in ROUTES:
        app.router.add_route(route.method, route.path, handler_of(route))
    add_docs(app)
    return app


async def _auditing(app: web.Application) -> AsyncIterator[None]:
    """Write audit lines for as long as the doors are open, and what is left when they close."""
    writing = asyncio.create_task(app[AUDIT].run())
    yield
    writing.cancel()
    await asyncio.wait([writing])
    await app[AUDIT].close()
