# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth evaluate`: how good a run was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mdepth_ros.cli.options import OdomTopic, TruthFrame, one_of
from mdepth_ros.limits import SCORED
from mdepth_ros.terminal import Console, print_table, say

if TYPE_CHECKING:
    from mdepth_ros.evaluation.depth import Crop
    from mdepth_ros.report.evaluate import Evaluation


def evaluate(
    output: Annotated[Path, typer.Argument(help='The directory that `mdepth run` wrote.')],
    truth: Annotated[
        Path | None, typer.Option(help='Bag, TUM or KITTI pose file; default: what the run read.')
    ] = None,
    depth_topic: Annotated[str | None, typer.Option(help='True depth image.')] = None,
    lidar_topic: Annotated[str | None, typer.Option(help='Lidar cloud as true depth.')] = None,
    odom_topic: OdomTopic = None,
    moving_topic: Annotated[
        str | None, typer.Option(help='Mask of moving things, of the size of the true depth.')
    ] = None,
    truth_frame: TruthFrame = None,
    cap: Annotated[float, typer.Option(help='Score truths up to this depth, metres.')] = SCORED[1],
    min_depth: Annotated[float, typer.Option(help='Score truths from this depth on.')] = SCORED[0],
    crop: Annotated[
        str,
        typer.Option(help='Part of the image: none, garg.', callback=one_of('none', 'garg')),
    ] = 'none',
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help="Exit with status 1 where this holds, such as 'abs_rel>0.2'."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option('--output', '-o', help='Report directory; default: OUT/report.')
    ] = None,
) -> None:
    """Compare depth and trajectory of a run with the truth, and write a report with plots.

    Depth is scored against a depth image or a lidar cloud, the trajectory against odometry or a
    pose file. Numbers without `_raw` are of the estimate scaled by the truth.

    Example: mdepth evaluate OUT --fail-if 'abs_rel>0.2' --fail-if 'drift_translation>5'
    """
    from mdepth_ros.report.evaluate import evaluate_run
    from mdepth_ros.report.metrics import Condition
    from mdepth_ros.report.run import Choice

    conditions = [Condition.parse(text) for text in fail_if or []]
    choice = Choice(truth, depth_topic, lidar_topic, odom_topic, moving_topic, truth_frame)
    evaluation = evaluate_run(
        output, choice, min_depth=min_depth, max_depth=cap, crop=cast('Crop', crop)
    )
    publish(evaluation, report or output / 'report')
    failed = [one for one in conditions if one.holds(evaluation.metrics)]
    for one in failed:
        say(f'failed: {one.text} ({one.name} is {evaluation.metrics[one.name]:.6g})')
    if failed:
        raise typer.Exit(1)


def publish(evaluation: Evaluation, folder: Path) -> None:
    """Write the report into a folder and its tables to the terminal."""
    from mdepth_ros.report.write import write_report

    write_report(evaluation, folder)
    _show(evaluation)
    say(f'report: {folder / "report.md"}')


def _show(evaluation: Evaluation) -> None:
    from mdepth_ros.evaluation.depth import SCORES
    from mdepth_ros.report.text import SIDES, depth_rows, motion_rows

    console = Console(highlight=False, soft_wrap=True)
    depth, motion = evaluation.depth, evaluation.motion
    console.print(f'truth: {evaluation.truth.name}')
    if depth is None:
        console.print(f'depth was not compared: {evaluation.no_depth}')
    else:
        title = f'depth against {depth.truth_topic}, {len(depth.frames)} frames'
        print_table(console, title, ('', *SCORES), depth_rows(depth, 3))
    if motion is None:
        console.print(f'the trajectory was not compared: {evaluation.no_motion}')
        return
    title = f'trajectory against {evaluation.truth.pose_name}, {len(motion.truth)} poses, '
    title += f'{motion.truth.distances[-1]:.1f} m'
    print_table(console, title, ('', *SIDES), motion_rows(motion))
