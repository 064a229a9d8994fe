"""The printed fallback: a page that prints on 80 mm and on A4, and the same as a PDF."""

import asyncio

from aiohttp import web

from tillbridge.checkpoint.paper import voucher_pdf
from tillbridge.console.claim import waiting_voucher
from tillbridge.console.pages import voucher_page
from tillbridge.console.visit import Visit


async def get_voucher(visit: Visit) -> web.Response:
    """`GET /vouchers/{token}`: the printable page, while the credit waits to be claimed."""
    token, view = await waiting_voucher(visit)
    return visit.html(voucher_page(visit.frame(), token, view))


async def get_voucher_pdf(visit: Visit) -> web.Response:
    """`GET /vouchers/{token}.pdf`: the same for printers that take PDFs."""
    _, view = await waiting_voucher(visit)
    body = await asyncio.to_thread(voucher_pdf, view.voucher)
    headers = {"Content-Disposition": 'inline; filename="voucher.pdf"'}
    return web.Response(body=body, content_type="application/pdf", headers=headers)
