"""The command line, read from click: every command for the reference, and what a command line in the docs says."""

import shlex
from collections.abc import Iterator
from typing import Final

import click

from tillbridge.cli.__main__ import commands

WIDTH: Final = 100
"""Characters in a line of help, whatever the terminal."""


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, a group before what is in it."""
    yield from _below("tillbridge", commands)


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        # A group names its commands in the order in which it lists them; ours loads each when it is asked for it.
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            if inner is not None:
                yield from _below(f"{name} {word}", inner)


def reference() -> str:
    """Every command with its help, as the reference prints it."""
    return "\n\n".join(_section(name, command) for name, command in all_commands())


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
    return f"### `{name}`\n\n```text\n{command.get_help(context).rstrip()}\n```"


def typed(text: str) -> list[str]:
    """The command lines of a console block: what follows `$ `, up to where its last line and its last quote end."""
    lines: list[str] = []
    open_line = False
    for line in text.splitlines():
        if open_line:
            lines[-1] += "\n" + line
        elif line.startswith("$ "):
            lines.append(line.removeprefix("$ "))
        open_line = (open_line or line.startswith("$ ")) and _goes_on(lines[-1])
    return [line.replace("\\\n", " ") for line in lines]


def _goes_on(line: str) -> bool:
    try:
        shlex.split(line)
    except ValueError:
        return True
    return line.endswith("\\")


def tillbridge_words(line: str) -> list[list[str]]:
    """What is said to `tillbridge` in a command line, word by word; empty when it is not called."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    calls: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;()"):
            calls.append([])
        else:
            calls[-1].append(word)
    return [call for call in map(_after_name, calls) if call is not None]


def _after_name(words: list[str]) -> list[str] | None:
    """The words behind the command's name; settings may stand before it, files to write to behind it."""
    while words and "=" in words[0]:
        words = words[1:]
    if not words or words[0].rpartition("/")[2] != "tillbridge":
        return None
    rest = words[1:]
    cut = next((place for place, word in enumerate(rest) if set(word) <= set("<>")), len(rest))
    # Of `2>` the lexer makes two words; any other 2 is somebody's number.
    return rest[: cut - 1] if cut < len(rest) and rest[cut - 1 : cut] == ["2"] else rest[:cut]


def fault(words: list[str]) -> str:
    """What click would say about these words behind `tillbridge`; blank when it would take them.

    Nothing is run, and no file need be there.
    """
    command: click.Command = commands
    context = click.Context(command, info_name="tillbridge")
    try:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(context, words[0])
            if found is None:
                return f"{words[0]} is no command"
            command, words = found, words[1:]
            context = click.Context(command, info_name=command.name, parent=context)
        return _fault_of(command, context, words)
    except click.UsageError as error:
        return error.format_message()


def _fault_of(command: click.Command, context: click.Context, words: list[str]) -> str:
    given, left, _ = command.make_parser(context).parse_args(list(words))
    if {"--help", "--version"} & set(words):
        return ""
    if left:
        return f"nobody reads {' '.join(left)}"
    for parameter in command.params:
        value = given.get(parameter.name or "")
        if not isinstance(value, str | tuple | list):
            if parameter.required and value is not True:
                return f"{parameter.name} is missing"
        elif not isinstance(parameter.type, click.Path):
            parameter.type_cast_value(context, value)
    return "name a command" if isinstance(command, click.Group) else ""
