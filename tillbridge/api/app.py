"""The hub's HTTP application."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from tillbridge.api.bodies import BODY_MAX, EVENTS_MAX
from tillbridge.api.docs import add_docs
from tillbridge.api.keys import Keys
from tillbridge.api.problems import failed, problem, unforeseen
from tillbridge.api.requests import HUB, IN_FLIGHT, KEYS, handler_of
from tillbridge.api.routes import ROUTES
from tillbridge.checkpoint.sentences import CASHIER
from tillbridge.kernel.errors import BadInput, DatabaseFault, TillbridgeError
from tillbridge.wiring import Hub

_LOG: Final = logging.getLogger("tillbridge.api")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong leaves as a problem document, and never as a trace."""
    try:
        return await handler(request)
    except DatabaseFault:
        return _faulty(request)
    except TillbridgeError as error:
        return failed(error)
    except web.RequestPayloadError:
        return failed(BadInput("body", "it did not come whole", "Send it again."))
    except web.HTTPException as error:
        return error if error.status < 400 else _of_http(error)
    except ConnectionResetError:
        raise
    except Exception:
        return _faulty(request)


def _faulty(request: web.Request) -> web.Response:
    """A defect of ours: the log has it whole, the caller is told nothing of the inside."""
    _LOG.exception("a fault while answering %s %s", request.method, request.match_info.route.resource)
    return unforeseen()


def _of_http(error: web.HTTPException) -> web.Response:
    """What the server itself refuses: no such path, wrong method, body too large."""
    cashier = CASHIER["bad-input"]
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        mend = f"Send at most {BODY_MAX} bytes, or {EVENTS_MAX} to /v1/events."
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
    app = web.Application(middlewares=[problems], client_max_size=EVENTS_MAX)
    app[HUB] = hub
    app[KEYS] = Keys(hub.db, hub.clock)
    app[IN_FLIGHT] = set()
    for route in ROUTES:
        app.router.add_route(route.method, route.path, handler_of(route))
    add_docs(app)
    return app
