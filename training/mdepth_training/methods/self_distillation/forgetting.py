# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How the pseudo-depth is forgotten. The abstract names such a factor; its form is ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping


def forgetting_factor(kind: str, progress: float, target: float, at: float) -> float:
    """The share of the weight of pseudo-depth that is left, 1 at the start, never growing.

    progress  share of the run that is over, 0..1
    target    what is left at the share `at` of the run, both in 0..1 and not 0

    exponential falls by the same share in each step; linear and cosine (half a wave) go on to 0;
    step falls at `at` and stays; none stays 1.
    """
    return _KINDS[kind](max(progress, 0.0), target, at)


def _cosine(progress: float, target: float, at: float) -> float:
    # Half a wave, as long as brings it to the target in time.
    angle = math.acos(2 * target - 1) * progress / at
    return (1 + math.cos(min(angle, math.pi))) / 2


_KINDS: Mapping[str, Callable[[float, float, float], float]] = {
    'exponential': lambda progress, target, at: target ** (progress / at),
    'linear': lambda progress, target, at: max(1 - (1 - target) * progress / at, 0.0),
    'cosine': _cosine,
    'step': lambda progress, target, at: 1.0 if progress < at else target,
    'none': lambda *_: 1.0,
}
