# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a recording without any truth says of a model: does it explain its own images?

A model cannot be right that explains them badly. One that explains them well may still be wrong:
where there is no texture any depth does, and what moves by itself is explained by a wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from mdepth_ros.core.types import Prediction
from mdepth_ros.geometry import warp
from mdepth_training.evaluation.motion import Drives
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.shots import Shot
from mdepth_training.losses.photometric import Moments, photometric_error


@dataclass(frozen=True)
class PairScore:
    """One frame and the one before it; see `score_pair` and `Drives.add`."""

    drive: str
    stamp: int
    photometric: float
    still: float
    disagreement: float


def score_pairs(predictor: Predictor, shots: Iterable[Shot]) -> list[PairScore]:
    """Score every frame that has one before it; shots of several drives one after the other."""
    drives, found = Drives(), []
    for shot in shots:
        prediction, pair = predictor(shot)
        disagreement, _ = drives.add(shot, prediction, math.nan)
        if not pair.reason:
            errors = score_pair(predictor, shot, prediction)
            found.append(PairScore(shot.drive, shot.frame.stamp, *errors, disagreement))
    return found


@torch.inference_mode()
def score_pair(predictor: Predictor, shot: Shot, prediction: Prediction) -> tuple[float, float]:
    """Photometric error of the frame made of the one before it, and of that one as it is.

    Both are the mean of 0.85 (1 - SSIM) / 2 + 0.15 |difference| (Implicit Cues, Eq. 4) over the
    pixels of the network's view that the frame before shows too, by the depth and motion of the
    model as on the vehicle. NaN where it shows none of them.
    """
    assert shot.previous is not None
    views = predictor.perception.estimator.views
    current, previous = (
        views.sampled(frame).image.float().cpu() for frame in (shot.frame, shot.previous)
    )
    depth = torch.from_numpy(np.asarray(prediction.depth, np.float32))[None]
    motion = torch.from_numpy(np.asarray(prediction.motion, np.float32))[None]
    warped, valid = warp(previous, depth, motion, prediction.camera.matrix())
    counts = valid[0] & torch.from_numpy(prediction.visible)
    if not counts.any():
        return math.nan, math.nan
    target = Moments.of(current)
    made, as_it_is = (
        float(photometric_error(target, image)[0, 0][counts].mean())
        for image in (warped, previous)
    )
    return made, as_it_is


def means(scores: Iterable[PairScore]) -> dict[str, float]:
    """Means over the pairs by name of the number; NaN where none is known."""
    scores = list(scores)
    found = {}
    for name in ('photometric', 'still', 'disagreement'):
        values = np.array([getattr(score, name) for score in scores], float)
        known = values[np.isfinite(values)]
        found[name] = float(known.mean()) if len(known) else math.nan
    return found
