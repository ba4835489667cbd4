# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Options of every command: a number that is none, one that is too large, a path in a circle."""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from fuzz.runner import Files, Target, sound

BAD_NUMBERS = (
    'nan',
    'inf',
    '-inf',
    '1e400',
    '1' + '0' * 400,
    '9' * 5000,
    'abc',
    '',
    '1,5',
    '-1e309',
)
CIRCLE = 'circle'


@cache
def _options() -> list[tuple[str, str, str, str, int]]:
    """(program, command, option, kind, required arguments before it) of all that take a number."""
    from mdepth_training import cli as training

    from mdepth_ros.cli import main

    found = []
    for program, commands in (('mdepth', main.COMMANDS), ('mdepth-train', _commands(training))):
        for command in commands:
            hints = typing.get_type_hints(command, include_extras=True)
            needed = [
                name
                for name, one in inspect.signature(command).parameters.items()
                if one.default is one.empty and 'ArgumentInfo' in str(hints[name])
            ]
            for name, hint in hints.items():
                outer = typing.get_args(hint)
                kinds = {*outer, *(typing.get_args(outer[0]) if outer else ())}
                kind = 'path' if Path in kinds else 'number' if {int, float} & kinds else ''
                if kind and 'OptionInfo' in str(hint):
                    option = f'--{name.rstrip("_").replace("_", "-")}'
                    found.append((program, command.__name__, option, kind, len(needed)))
    return found


def _commands(module: Any) -> list[Any]:
    return [info.callback for info in module.app.registered_commands]


def _make(rng: Random) -> Files:
    _options()
    return {}


def _use(folder: Path, rng: Random) -> None:
    from mdepth_training import cli as training

    from mdepth_ros.cli import main
    from mdepth_ros.terminal import run_app

    (folder / CIRCLE).symlink_to(CIRCLE)
    program, command, option, kind, needed = rng.choice(_options())
    value = CIRCLE if kind == 'path' else rng.choice(BAD_NUMBERS)
    arguments = [command, *['nothing'] * needed, f'{option}={value}']
    if (
        command in ('run', 'convert', 'record', 'fit', 'extract', 'ablate')
        and option != '--output'
    ):
        arguments += ['-o', 'out']
    with _quiet() as error, _arguments([program, *arguments]):
        try:
            run_app(main.app if program == 'mdepth' else training.app)
        except SystemExit as end:
            lines = error.getvalue().splitlines()
            sound(end.code == 2, f'{arguments}: exit status {end.code}')
            sound(len(lines) == 1, f'{arguments}: not one line but {lines}')
            raise
    sound(False, f'{arguments} was taken')


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    output, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
        yield error


@contextlib.contextmanager
def _arguments(arguments: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, arguments
    try:
        yield
    finally:
        sys.argv = before


TARGETS = {'options': Target(_make, _use)}
