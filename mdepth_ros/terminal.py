# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Between a command and the terminal: what goes in is checked, what comes out is safe to show.

A command ends with its own status, or with one line for what a user can mend.
"""

from __future__ import annotations

import errno
import functools
import inspect
import io
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import rich.console
import typer
from rich.table import Table
from rich.text import Text

from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.ros2 import is_for_a_person

LARGEST_LINE = 4000
LARGEST_INTEGER, LARGEST_SEED = 2**31 - 1, 2**63 - 1
LARGEST_NUMBER = 1e9
_ClickException: Any = typer.BadParameter.__mro__[2]  # typer brings its own click, or uses click's
Command = TypeVar('Command', bound=Callable[..., Any])


class Console(rich.console.Console):
    """A console that shows control characters of texts, also in tables, and does not obey them.

    Nor does it obey rich's own markup, which may be in a name as well.
    """

    def __init__(self, *, markup: bool = False, **options: Any) -> None:
        super().__init__(markup=markup, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a line of a text; every text that is printed comes by here."""
        return super().render_str(shown(text), **options)


def say(line: str) -> None:
    """Print a line."""
    Console(highlight=False, soft_wrap=True).print(line)


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Print labels and texts as two columns."""
    table = Table.grid(padding=(0, 2))
    for label, text in rows:
        style = Text(shown(label), style='cyan', no_wrap=True)
        table.add_row(style, Text(shown(text), overflow='fold'))
    Console().print(table)


def print_table(
    console: Console,
    title: str,
    headings: Iterable[str | Text],
    rows: Iterable[Iterable[str | Text]],
) -> None:
    """Print a table whose columns are numbers, but for those without a heading."""
    table = Table(title=title, title_justify='left')
    for heading in headings:
        table.add_column(heading, justify='right' if heading else 'left')
    for row in rows:
        table.add_row(*row)
    console.print(table)


@contextmanager
def progress_bar(console: Console, what: str, total: int | None) -> Iterator[Callable[..., None]]:
    """A bar with the time left; gives what updates it. Nothing is shown where nobody looks."""
    from rich import progress as bars

    columns = bars.TextColumn('{task.description}'), bars.BarColumn(), bars.MofNCompleteColumn()
    times = bars.TimeElapsedColumn(), bars.TextColumn('left'), bars.TimeRemainingColumn()
    # Drawn a few times a second, however often it is updated.
    with bars.Progress(*columns, *times, console=console, disable=not console.is_terminal) as bar:
        yield partial(bar.update, bar.add_task(what, total=total))


def checked(command: Command) -> Command:
    """Make a command that first refuses what no option or argument of any command can be.

    That is a number that is not finite, too large or too near to zero, and a path that cannot be.
    """
    hints = get_type_hints(command, include_extras=True)

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        given = inspect.signature(command).bind(*arguments, **options).arguments
        for name, value in given.items():
            for one in value if isinstance(value, (list, tuple)) else (value,):
                if reason := _reason_against(name, one):
                    raise MdepthError(
                        f'{_on_command_line(name, hints)} {str(one)[:200]}: {reason}'
                    )
        return command(*arguments, **options)

    return run  # type: ignore[return-value]


def _reason_against(name: str, value: object) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            return 'give a finite number'
        if abs(value) > LARGEST_NUMBER:
            return f'the number is too large, give {LARGEST_NUMBER:g} at most'
        if 0 < abs(value) < 1 / LARGEST_NUMBER:
            return f'the number is too near to zero, give {1 / LARGEST_NUMBER:g} at least'
    if isinstance(value, int):
        largest = LARGEST_SEED if name.endswith('seed') else LARGEST_INTEGER
        return 'the number is too large' if abs(value) > largest else ''
    if isinstance(value, Path):
        try:
            value.stat()
        except (FileNotFoundError, NotADirectoryError):
            return ''
        except OSError as error:
            circle = 'the path leads in a circle of symbolic links'
            return circle if error.errno == errno.ELOOP else f'{error.strerror}'
    return ''


def _on_command_line(name: str, hints: dict[str, Any]) -> str:
    text = name.rstrip('_').replace('_', '-')
    return f'--{text}' if 'OptionInfo' in str(hints.get(name)) else text.upper()


def run_app(app: Callable[..., object]) -> None:
    """Run a command line; Ctrl-C becomes exit status 130.

    MdepthError, a wrong use, and what the file system refuses become one line and exit status 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal of another encoding shows escapes
            stream.reconfigure(errors='backslashreplace')
    try:
        status = app(standalone_mode=False) if isinstance(app, typer.Typer) else app()
        if isinstance(status, int) and status:
            sys.exit(status)
    except _ClickException as error:
        _refuse_use(error)
    except OSError as error:
        what = f'{error.filename}: ' if error.filename else ''
        _refuse(f'{what}{error.strerror or error}; choose another place or free some space')
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        if not is_for_a_person(error):
            raise
        _refuse(str(error))


def _refuse_use(error: Any) -> None:
    context = getattr(error, 'ctx', None)
    if context is None:
        _refuse(error.format_message())
    elif type(error).__name__ == 'NoArgsIsHelpError':
        print(context.get_help())
        sys.exit(2)
    else:
        message = error.format_message().rstrip('.')
        _refuse(f'{message}; {context.command_path} --help tells more')


def _refuse(line: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if len(line) > LARGEST_LINE:
        line = f'{line[:LARGEST_LINE]}...'
    console.print(f'error: {line}')
    sys.exit(2)
