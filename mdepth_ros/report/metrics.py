# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The flat names of all numbers, and conditions on them (`--fail-if 'abs_rel>0.2'`)."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import SCORES
from mdepth_ros.report.depth import DepthResult
from mdepth_ros.report.motion import MotionResult

COMPARE = {'>=': operator.ge, '<=': operator.le, '>': operator.gt, '<': operator.lt}


def metrics_of(depth: DepthResult | None, motion: MotionResult | None) -> dict[str, float]:
    """Every number that has a value. Without `_raw`, the estimate was scaled by the truth."""
    numbers: dict[str, float] = {}
    if depth is not None:
        for kind, means in depth.means.items():
            numbers |= {f'{score}{kind}': getattr(means, score) for score in SCORES}
        numbers |= {
            'depth_ratio': float(np.median(depth.ratios)),
            'depth_ratio_spread': float(np.std(depth.ratios) / np.median(depth.ratios)),
            'depth_coverage': depth.means[''].coverage,
            'depth_frames': len(depth.frames),
        }
        if (ranking := depth.ranking) is not None:
            numbers |= {'ause': ranking.ause, 'sparsification': ranking.ratio}
    if motion is not None:
        scaled, raw, five = motion.scaled, motion.raw, motion.five
        numbers |= {
            'ate': scaled.absolute.rmse,
            'ate_raw': raw.absolute.rmse,
            'ate5': float(np.mean(five)) if len(five) else math.nan,
            'ate5_std': float(np.std(five)) if len(five) else math.nan,
            'rpe_translation': scaled.translation.rmse,
            'rpe_translation_raw': raw.translation.rmse,
            'rpe_translation_percent': scaled.steps.translation_percent,
            'rpe_translation_percent_raw': raw.steps.translation_percent,
            'rpe_rotation': scaled.rotation.rmse,
            'rotation_per_frame': scaled.steps.rotation_deg,
            'drift_translation': scaled.drift.translation,
            'drift_translation_raw': raw.drift.translation,
            'drift_rotation': scaled.drift.rotation,
            'trajectory_scale': scaled.scale,
            'motion_scale': scaled.step_scale,
            'trajectory_frames': len(motion.truth),
        }
        numbers |= motion.twists.metrics if motion.twists is not None else {}
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


class Condition(NamedTuple):
    """A condition on a metric, such as abs_rel > 0.2."""

    text: str
    name: str
    compare: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read 'name > number' (also <, >=, <=); MdepthError for anything else."""
        match = re.fullmatch(r'\s*(\w+)\s*(>=|<=|>|<)\s*(\S+)\s*', text)
        try:
            if match is None or not math.isfinite(float(match[3])):
                raise ValueError
            return cls(text, match[1], match[2], float(match[3]))
        except ValueError:
            raise MdepthError(
                f"--fail-if {text!r} is not of the form 'abs_rel>0.2' (>, <, >=, <=)"
            ) from None

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Whether it is true; MdepthError where the metric has no value here."""
        if self.name not in metrics:
            raise MdepthError(
                f'--fail-if {self.text!r}: {self.name} has no value here; '
                f'there are {", ".join(sorted(metrics))}'
            )
        return bool(COMPARE[self.compare](metrics[self.name], self.limit))
