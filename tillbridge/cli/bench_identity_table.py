"""The report of the benchmark of identity for people."""

from collections.abc import Iterator

from tillbridge.cli.bench_identity import Part, Report


def identity_table(report: Report) -> str:
    """A block of lines for each directory."""
    lines = [f"{name:<52}{value:>16}  {more}".rstrip() for part in report.parts for name, value, more in _rows(part)]
    return "\n".join([*lines, f"{'linked to the wrong person, all in all':<52}{report.wrong():>16,}"])


def _rows(part: Part) -> Iterator[tuple[str, str, str]]:
    per_profile = part.bytes / part.profiles if part.profiles else 0
    yield f"{part.name}: profiles", f"{part.profiles:,}", f"loaded in {part.load_seconds:,.1f} s"
    yield "  size with indexes", f"{part.bytes / 1e6:,.0f} MB", f"{per_profile:,.0f} bytes a profile"
    yield "  requests", f"{part.requests:,}", f"{part.findable:,} about somebody in the directory"
    yield "  linked by proof", f"{part.linked:,}", f"{part.wrong:,} to the wrong person"
    if part.beyond:
        yield "  beyond the rules", f"{part.beyond:,}", "linked guests who gave an owner's phone and nothing else"
    yield (
        "  the right one among the first five",
        f"{part.found_share:.4f}",
        f"{part.first:,} of {part.findable:,} first",
    )
    yield "  look-up, p50 and p99", f"{part.lookup_ms[0]:,.1f} ms", f"{part.lookup_ms[1]:,.1f} ms"
    yield "  candidates, p50 and p99", f"{part.candidates_ms[0]:,.1f} ms", f"{part.candidates_ms[1]:,.1f} ms"
    for one in part.naive:
        yield f"  beside it: {one.name}", f"{one.linked:,}", f"{one.wrong:,} to the wrong person"
