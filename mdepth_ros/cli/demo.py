# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth demo`: everything once, on a drive of the synthetic world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.cli.options import Model, Overwrite
from mdepth_ros.model.shipped import FOR_THE_PLAIN_WORLD, shipped_model
from mdepth_ros.terminal import say

SEED = 10_006  # held out: the shipped models learned from other drives


def demo(
    output: Annotated[Path, typer.Option('--output', '-o', help='Folder for all.')] = Path('demo'),
    frames: Annotated[int, typer.Option(min=10, max=1_000_000, help='Frames of the drive.')] = 80,
    seed: Annotated[int, typer.Option(min=0, help='Another seed is another drive.')] = SEED,
    model: Model = None,
    overwrite: Overwrite = False,
) -> None:
    """Drive through the synthetic world, estimate depth and odometry, and compare with the truth.

    Makes a bag (OUTPUT/drive), runs the step over it (OUTPUT/run), evaluates that
    (OUTPUT/run/report) and draws OUTPUT/demo.png: image, depth, truth and trajectory.

    Example: mdepth demo --seed 3
    """
    from mdepth_ros.cli.evaluate import publish
    from mdepth_ros.cli.run import run
    from mdepth_ros.cli.synth import synth
    from mdepth_ros.report.evaluate import evaluate_run
    from mdepth_ros.report.write import write_overview

    model = model or shipped_model(FOR_THE_PLAIN_WORLD)
    synth(output / 'drive', seed=seed, frames=frames, overwrite=overwrite)
    run(output / 'drive', output / 'run', model=model, overwrite=overwrite)
    evaluation = evaluate_run(output / 'run')
    publish(evaluation, output / 'run' / 'report')
    write_overview(evaluation, output / 'demo.png')
    say(f'picture: {output / "demo.png"}')
