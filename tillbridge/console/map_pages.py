"""The page of the map, and what can be taken away from it."""

from typing import Final

from aiohttp import web

from tillbridge.console.pages import map_page
from tillbridge.console.staff import staff_only
from tillbridge.console.visit import Visit

_KINDS: Final = {"svg": "image/svg+xml", "html": "text/html", "pdf": "application/pdf"}


@staff_only
async def get_map(visit: Visit) -> web.Response:
    """`GET /map`: where do credits get lost?"""
    return visit.html(map_page(visit.frame("map"), await visit.port.map()))


@staff_only
async def get_drawing(visit: Visit) -> web.Response:
    """`GET /map/path.svg`: the live drawing as a file."""
    return _file(await visit.port.map_svg(), "path.svg")


@staff_only
async def get_spec_html(visit: Visit) -> web.Response:
    """`GET /map/spec.html`: the spec sheet as one file."""
    return _file(await visit.port.map_spec("html"), "spec.html")


@staff_only
async def get_spec_pdf(visit: Visit) -> web.Response:
    """`GET /map/spec.pdf`: the spec sheet on A4."""
    return _file(await visit.port.map_spec("pdf"), "spec.pdf")


def _file(data: bytes, name: str) -> web.Response:
    """To be kept, not shown: a file with styles of its own is no page of ours."""
    kind = _KINDS[name.rpartition(".")[2]]
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=data, content_type=kind, headers=headers)
