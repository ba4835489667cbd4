# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a command ends: with its own status, or with one line for what a user can mend."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console

from mdepth_ros.errors import MdepthError


def run_app(app: Callable[[], object]) -> None:
    """Run a command line; MdepthError becomes one line and exit status 2, Ctrl-C status 130."""
    try:
        app()
    except MdepthError as error:
        console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
        console.print(f'error: {error}')
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
