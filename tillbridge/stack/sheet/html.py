"""The spec sheet as one HTML file: nothing is loaded from anywhere, and it prints on A4."""

from html import escape
from typing import Final

from tillbridge.stack.draw import path_svg, path_words
from tillbridge.stack.sheet.document import TITLE, Block, Code, Drawing, Heading, Prose, Rows, document
from tillbridge.stack.spec import Spec

STYLE: Final = """\
:root{color-scheme:light dark;--paper:#f7f4ec;--card:#fffdf8;--ink:#1b2430;--soft:#5d6673;--rule:#ddd6c8;
--edge:#8d8778;--bridge:#0b6e6e;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--card:#1b2128;--ink:#ece8de;--soft:#a3acb8;--rule:#343c46;
--edge:#7b8594;--bridge:#5cc2c0;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
main{max-width:60rem;margin:0 auto;padding:1.5rem;background:var(--card)}
h1{font-size:1.6rem;margin:0 0 1rem}h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-top:1px solid var(--rule);
padding-top:1rem}h3{font-size:1.02rem;margin:1.6rem 0 .4rem;color:var(--bridge)}
h4{font-size:.9rem;margin:1rem 0 .3rem;color:var(--soft)}p{margin:.4rem 0}
table{width:100%;border-collapse:collapse}th{text-align:left;font-weight:600;font-size:.85rem;color:var(--soft)}
th,td{padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
tbody th{width:9rem;white-space:nowrap}td{white-space:pre-line}tr{break-inside:avoid}
pre{margin:.2rem 0 .8rem;padding:.7rem;border:1px solid var(--rule);font:12px/1.45 ui-monospace,monospace;
white-space:pre-wrap}
.led{font-size:.85rem;color:var(--soft);margin:.6rem 0 0}
.drawing{overflow-x:auto}.drawing svg{display:block;max-width:100%;min-width:34rem;height:auto}
.drawing text{font:600 14px system-ui,sans-serif;fill:var(--ink)}
.drawing text.s{font-weight:400;font-size:12px;fill:var(--soft)}
.drawing text.said{paint-order:stroke;stroke:var(--card);stroke-width:5px}
.drawing .arc{fill:none;stroke:var(--edge);stroke-width:3}
.drawing .box{fill:var(--card);stroke:var(--edge);stroke-width:1.5}
.drawing .box.authority{stroke:var(--bridge);stroke-width:3}
@page{size:A4;margin:15mm}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--soft:#333;--rule:#999;--edge:#555;
--bridge:#000;--bad:#000}body{font-size:10pt}main{max-width:none;padding:0}pre{font-size:8pt}
h1,h2,h3,h4,.led{break-after:avoid}pre,.drawing{break-inside:avoid}.drawing svg{min-width:0}}
"""


def spec_html(spec: Spec) -> str:
    """The sheet. Everything that comes from the map or the database is escaped."""
    body = "\n".join(map(_written, document(spec)))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(TITLE)} · {escape(spec.retailer)}</title>\n<style>\n{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _written(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
        case Prose():
            return f"<p>{escape(block.text)}</p>"
        case Code():
            return f'<p class="led">{escape(block.led_by)}:</p>\n<pre>{escape(block.text)}</pre>'
        case Drawing():
            words = escape(path_words(block.path))
            return f'<div class="drawing">{path_svg(block.path)}</div>\n<p class="led">{words}</p>'
        case Rows():
            return _table(block)


def _table(table: Rows) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    rows = "\n".join(_row(row, named=not table.head) for row in table.rows)
    return "<table>" + (f"<thead><tr>{head}</tr></thead>" if head else "") + f"<tbody>\n{rows}\n</tbody></table>"


def _row(row: tuple[str, ...], *, named: bool) -> str:
    first, *rest = (escape(cell) for cell in row)
    lead = f'<th scope="row">{first}</th>' if named else f"<td>{first}</td>"
    return f"<tr>{lead}{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>"
