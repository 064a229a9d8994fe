"""Reading Python and SQL for the house rules, without running either."""

import ast
import re
from collections.abc import Iterator

_SQL_ASIDE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


def bare_sql(text: str) -> str:
    """The SQL without comments and without the inside of quoted texts; every line stays where it is.

    Function bodies between dollar signs are code, and stay.
    """
    return _SQL_ASIDE.sub(_blanked, text)


def _blanked(aside: re.Match[str]) -> str:
    whole = aside.group()
    newlines = "\n" * whole.count("\n")
    return f"'{newlines}'" if whole.startswith("'") else f" {newlines}"


def line_of(text: str, position: int) -> int:
    """The number of the line that a position in a text lies on, from 1."""
    return text.count("\n", 0, position) + 1


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and value of each text that the code uses; docstrings are prose and left out.

    The parts of an f-string come as one text, with `?` where a value goes in.
    """
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in prose or id(node) in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "?" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: `{"dt": "datetime", "uuid4": "uuid.uuid4"}`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def mentions(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Each use of something imported, under its full name: `datetime.datetime.now` however it was imported."""
    names = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and (full := _full_name(node, names)):
            yield node, full


def _full_name(node: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and (owner := _full_name(node.value, names)):
        return f"{owner}.{node.attr}"
    return None
