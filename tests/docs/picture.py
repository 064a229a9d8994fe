"""The picture of the event path: the demo's stack, drawn by the code that draws it in the console."""

from datetime import timedelta
from typing import Final

from tillbridge.cli import rig
from tillbridge.simulate.servers import NAMES
from tillbridge.stack.draw import STYLE, Traffic, hop_views, path_svg, truth_of
from tillbridge.stack.load import parse
from tillbridge.stack.model import Stack

PAPER: Final = "svg{background:#fffdf8}"
"""The drawing brings its own paper, so that its ink is read on a dark page too."""

_TRAFFIC: Final = {
    "registers-platform": Traffic(timedelta(milliseconds=20)),
    "platform-processor": Traffic(timedelta(milliseconds=40)),
    "processor-erp": Traffic(timedelta(milliseconds=300), late=3, oldest=timedelta(minutes=14)),
    "platform-web": Traffic(timedelta(milliseconds=50)),
}
"""What the picture shows as measured: an example, with one system that keeps the others waiting."""


def demo_stack() -> Stack:
    """The map that the demo runs on, at addresses that lead nowhere."""
    urls = {name: f"http://{name}.example" for name in NAMES}
    secrets = {f"TILLBRIDGE_SECRET_{name.upper()}": name for name in NAMES}
    return parse(rig._MAP.format(**urls, pace=rig._PACE), "stack.toml", secrets)


def path_picture() -> str:
    """The event path as an SVG file."""
    stack = demo_stack()
    truths = {name: truth_of(stack.hop(name), traffic) for name, traffic in _TRAFFIC.items()}
    return path_svg(hop_views(stack, truths), STYLE + PAPER) + "\n"
