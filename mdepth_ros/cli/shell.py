# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a command ends: with its own status, or with one line for what a user can mend."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console

from mdepth_ros.errors import MdepthError


def run_app(app: Callable[[], object]) -> None:
    """Run a command line; Ctrl-C becomes exit status 130.

    MdepthError, and what the file system refuses, become one line and exit status 2.
    """
    try:
        app()
    except MdepthError as error:
        _refuse(str(error))
    except OSError as error:
        what = f'{error.filename}: ' if error.filename else ''
        _refuse(f'{what}{error.strerror or error}; choose another place or free some space')
    except KeyboardInterrupt:
        sys.exit(130)


def _refuse(line: str) -> None:
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    console.print(f'error: {line}')
    sys.exit(2)
