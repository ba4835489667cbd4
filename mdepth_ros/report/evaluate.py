# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A run against its truth: what was compared with what, and the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import Crop
from mdepth_ros.limits import SCORED
from mdepth_ros.report.depth import DepthResult, score_depth
from mdepth_ros.report.metrics import metrics_of
from mdepth_ros.report.motion import MotionResult, score_motion
from mdepth_ros.report.run import Choice, Run, Truth, find_truth
from mdepth_ros.report.scale_over_time import ScaleSeries, read_scale


@dataclass(frozen=True)
class Evaluation:
    """What was compared and what came out; of a part that failed the reason is kept.

    depths  metres: truths between them are scored
    """

    run: Run
    truth: Truth
    depths: tuple[float, float]
    crop: Crop
    depth: DepthResult | None
    no_depth: str
    motion: MotionResult | None
    no_motion: str
    scale: ScaleSeries | None

    @property
    def metrics(self) -> dict[str, float]:
        """All numbers by their flat names."""
        return metrics_of(self.depth, self.motion)


def evaluate_run(
    path: Path,
    choice: Choice | None = None,
    *,
    min_depth: float = SCORED[0],
    max_depth: float = SCORED[1],
    crop: Crop = 'none',
) -> Evaluation:
    """Score the output of `mdepth run` in `path`.

    Raises MdepthError where that is no run, where no truth is found, and where neither depth nor
    trajectory can be compared with it.
    """
    if not 0 < min_depth < max_depth:
        raise MdepthError(f'depths from {min_depth:g} to {max_depth:g} m: --min-depth < --cap')
    run = Run(path)
    truth = find_truth(run, choice or Choice())
    depth, motion, no_depth, no_motion = None, None, '', ''
    try:
        depth = score_depth(run, truth, min_depth, max_depth, crop)
    except MdepthError as error:
        no_depth = str(error)
    try:
        motion = score_motion(run, truth)
    except MdepthError as error:
        no_motion = str(error)
    if depth is None and motion is None:
        raise MdepthError(f'nothing to compare: {no_depth}; {no_motion} ({truth.looked_at})')
    depths, scale = (min_depth, max_depth), read_scale(path)
    return Evaluation(run, truth, depths, crop, depth, no_depth, motion, no_motion, scale)
