"""The path of a credit for a terminal: boxes and arrows in plain characters, as wide as the terminal is.

Whatever hands on to one system leads straight down; whatever hands on to several branches out to the right. A system
that is fed twice is drawn where it is fed first, and named where it is fed again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Final

from tillbridge.stack.draw import SIGNS, HopView, Mark, Place

NARROWEST: Final = 40
_BOX_MAX: Final = 44
_ASCII: Final = str.maketrans(
    {
        "┌": "+", "┐": "+", "└": "+", "┘": "+", "─": "-", "│": "|", "├": "+", "┬": "+", "▼": "v", "▶": ">",
        "╔": "#", "╗": "#", "╚": "#", "╝": "#", "═": "=", "║": "#", "╤": "#",
        "·": "-", "…": ".", "✓": "ok", "◔": "..", "✕": "x", "→": ">", "◀": "<", "–": "-",
    }
)  # fmt: skip
_FRAMES: Final[Mapping[bool, tuple[str, ...]]] = {True: tuple("╔═╗║╚╝╤"), False: tuple("┌─┐│└┘┬")}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the drawing; `mark` says how the hop stands that it speaks of."""

    text: str
    mark: Mark = Mark.QUIET


def path_lines(hops: Sequence[HopView], width: int = 80, lost: str = "") -> tuple[Line, ...]:
    """The drawing, no line longer than `width` (of NARROWEST or more). `lost` is the name, `source-target`, of the hop
    at which things get lost: it is marked by a sign and by words."""
    return tuple(_Drawing(tuple(hops), max(width, NARROWEST), lost).lines())


def in_ascii(line: Line) -> Line:
    """The same without letters that an old terminal lacks."""
    return Line(line.text.translate(_ASCII).encode("ascii", "replace").decode(), line.mark)


@dataclass(slots=True)
class _Drawing:
    hops: tuple[HopView, ...]
    width: int
    lost: str
    drawn: set[Place] = field(default_factory=set)

    def lines(self) -> Iterator[Line]:
        targets = {hop.target for hop in self.hops}
        roots = dict.fromkeys(hop.source for hop in self.hops if hop.source not in targets)
        for position, root in enumerate(roots):
            if position:
                yield Line("")
            yield from self._system(root, "")

    def _system(self, place: Place, rails: str) -> Iterator[Line]:
        """A system's box, and everything it hands on to."""
        self.drawn.add(place)
        onward = [hop for hop in self.hops if hop.source == place]
        yield from (Line(rails + text) for text in _box(place, self.width - len(rails), bool(onward)))
        if len(onward) == 1:
            yield from self._straight(onward[0], rails)
            return
        for position, hop in enumerate(onward):
            yield Line(f"{rails}  │")
            yield from self._branch(hop, rails, last=position == len(onward) - 1)

    def _straight(self, hop: HopView, rails: str) -> Iterator[Line]:
        yield from self._said(hop, f"{rails}  │ ", f"{rails}  │ ")
        if hop.target in self.drawn:
            yield Line(f"{rails}  └─▶ {hop.target.label}, drawn above")
            return
        yield Line(f"{rails}  ▼")
        yield from self._system(hop.target, rails)

    def _branch(self, hop: HopView, rails: str, *, last: bool) -> Iterator[Line]:
        inner = rails + ("      " if last else "  │   ")
        yield from self._said(hop, f"{rails}  {'└' if last else '├'}─▶ ", inner)
        if hop.target in self.drawn:
            yield Line(f"{inner}to {hop.target.label}, drawn above")
            return
        yield from self._system(hop.target, inner)

    def _said(self, hop: HopView, first: str, rest: str) -> Iterator[Line]:
        """Promise, notes and truth of a hop, folded where they are too long."""
        truth = hop.truth
        told = [(text, Mark.QUIET) for text in (hop.promise, *hop.notes)]
        words = " ".join(filter(None, (SIGNS[truth.mark], truth.words or truth.mark.value)))
        if truth.words or truth.mark is not Mark.QUIET:
            here = "  ◀── things get lost here" if f"{hop.source.name}-{hop.target.name}" == self.lost else ""
            told.append((words.removesuffix(" · lost here") + here if here else words, truth.mark))
        lead = first
        for text, mark in told:
            for line in wrap(text, max(16, self.width - len(rest))) or [""]:
                yield Line(lead + line, mark)
                lead = rest


def _box(place: Place, room: int, onward: bool) -> Iterator[str]:
    """A system's box; the authority's has a double frame."""
    top_left, flat, top_right, side, bottom_left, bottom_right, stem = _FRAMES[place.authority]
    texts = [place.label, *([place.note] if place.note else [])]
    inside = max(8, min(_BOX_MAX, room - 4))
    lines = [line for text in texts for line in wrap(text, inside)]
    wide = max(map(len, lines))
    yield f"{top_left}{flat * (wide + 2)}{top_right}"
    yield from (f"{side} {line.ljust(wide)} {side}" for line in lines)
    foot = stem if onward else flat
    yield f"{bottom_left}{flat}{foot}{flat * wide}{bottom_right}"
