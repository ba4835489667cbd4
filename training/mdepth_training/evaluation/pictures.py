# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The best, the median and the worst image: picture, depth, truth, error."""

from __future__ import annotations

from pathlib import Path

from mdepth_ros.evaluation.points import View
from mdepth_ros.report.plots import plot_depth
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.score import Result, TruePixels
from mdepth_training.evaluation.shots import Array, Shot, Shots


def draw(predictor: Predictor, shots: Shots, result: Result, path: Path) -> None:
    """Read the three images once more and draw them; nothing where no depth was scored."""
    own = result.predictors[0]
    scores = {
        index: image.errors[own]['']
        for index, image in enumerate(result.images)
        if image.errors and image.errors[own][''].pixels
    }
    if not scores:
        return
    order = sorted(scores, key=lambda index: scores[index].abs_rel)
    chosen = {order[-1]: 'worst', order[len(order) // 2]: 'median', order[0]: 'best'}
    frames = {}
    for index, shot in enumerate(shots):
        if index in chosen:
            errors = scores[index]
            name = f'{shot.drive} {shot.name}'.strip()
            title = f'{chosen[index]}: {name}, AbsRel {errors.abs_rel:.3f}'
            view, picture = _view(predictor, shot, result)
            frames[chosen[index]] = (title, view, errors.ratio, picture)
        if len(frames) == len(chosen):
            break
    rows = [frames[name] for name in ('best', 'median', 'worst') if name in frames]
    plot_depth(path, rows, result.protocol.depth)


def _view(predictor: Predictor, shot: Shot, result: Result) -> tuple[View, Array]:
    """The prediction with the true pixels in it, and the picture that the network saw."""
    prediction, _ = predictor(shot)
    depth = (predictor.card.metres_per_unit or 1.0) * prediction.depth
    true = TruePixels(shot, result.protocol, prediction.camera)
    sampled = true.sampled(depth)
    seen = sampled > 0
    pixels, truth = true.pixels[seen], true.truth[seen]
    view = View(shot.frame.stamp, 0.0, depth, pixels, truth, sampled[seen], None)
    return view, prediction.image
