# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the command `mdepth` begins."""

from __future__ import annotations

import sys

from mdepth_ros.cli.startup import LIVE, PROCESS

# isort: split
import typer

from mdepth_ros.cli.bench import bench
from mdepth_ros.cli.calibrate import calibrate
from mdepth_ros.cli.compare import compare
from mdepth_ros.cli.convert import convert
from mdepth_ros.cli.demo import demo
from mdepth_ros.cli.doctor import doctor
from mdepth_ros.cli.evaluate import evaluate
from mdepth_ros.cli.info import info
from mdepth_ros.cli.mask import mask
from mdepth_ros.cli.node import PASS_ON, node
from mdepth_ros.cli.play import play
from mdepth_ros.cli.record import record
from mdepth_ros.cli.run import run
from mdepth_ros.cli.synth import synth
from mdepth_ros.ctrl_c import ctrl_c
from mdepth_ros.terminal import checked, run_app

app = typer.Typer(
    help='Metric depth, odometry and point clouds from the consecutive frames of one camera.',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode='rich',
)
COMMANDS = (
    *(demo, run, evaluate, synth, info, convert, calibrate, mask),
    *(node, play, record, compare, bench, doctor),
)
for command in COMMANDS:
    app.command(context_settings=PASS_ON if command is node else None)(checked(command))


def main() -> None:
    """Run a command."""
    if not LIVE:
        ctrl_c.interrupt()
    try:
        run_app(app)
    except SystemExit as end:
        if LIVE and PROCESS and isinstance(end.code, int):
            ctrl_c.leave(end.code)
        raise
    finally:
        ctrl_c.ignore()


if __name__ == '__main__':
    main()
    sys.exit()  # see ctrl_c.ignore
