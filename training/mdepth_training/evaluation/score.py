# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model on the images of one data set, beside what needs no learning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from rich.progress import track

from mdepth_ros.core.types import Prediction
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation import (
    SCORES,
    DepthErrors,
    DepthScores,
    Sparsification,
    mean_sparsification,
    scaled_relative_errors,
    sparsification,
)
from mdepth_training.evaluation.motion import Chain, Drives, motion_numbers
from mdepth_training.evaluation.predict import Predictor, at_pixels, positions
from mdepth_training.evaluation.protocols import Protocol, scored_box
from mdepth_training.evaluation.shots import Array, Shot, Shots
from mdepth_training.evaluation.trivial import flat_ground

WALL = 7.5  # metres from the camera to the walls beside the flat ground

Errors = dict[str, DepthErrors]
"""By kind, as `DepthScores` has them."""


@dataclass(frozen=True)
class ImageScore:
    """One image: errors by predictor, and the agreement of its depth with the frame before.

    alone             the frame was paired with itself
    consistency       by the model's own motion, see `inconsistency`; NaN without a frame before
    consistency_true  by the true motion
    ranking           how the confidence ranks the errors of the model; None without true depth
    """

    name: str
    drive: str
    alone: bool
    errors: dict[str, Errors]
    consistency: float
    consistency_true: float
    ranking: Sparsification | None


@dataclass(frozen=True)
class Result:
    """All numbers of one evaluation.

    predictors  names, the model first
    metric      those of them whose depth is in metres
    chains      motions of the model beside the true ones, where those are known
    """

    predictors: tuple[str, ...]
    metric: frozenset[str]
    protocol: Protocol
    data: str
    images: list[ImageScore]
    chains: list[Chain]
    notes: list[str] = field(default_factory=list)

    def depth(self, name: str) -> DepthScores:
        """Errors of a predictor on all images; `_raw` only where it is in metres."""
        scores = DepthScores()
        scores.images = [self.errors(image, name) for image in self.images if image.errors]
        return scores

    def errors(self, image: ImageScore, name: str) -> Errors:
        """Errors of a predictor on one image, `_raw` only where it is in metres; may be empty."""
        return {
            kind: errors
            for kind, errors in image.errors.get(name, {}).items()
            if name in self.metric or not kind.endswith('_raw')
        }

    def means(self) -> dict[str, Errors]:
        """Mean over the images by predictor and kind; empty without true depth."""
        means = {name: self.depth(name).means() for name in self.predictors}
        return {name: errors for name, errors in means.items() if errors}

    def motion(self) -> dict[str, float]:
        """Errors of the motions, see `motion_numbers`."""
        return motion_numbers(self.chains)

    def agreement(self) -> dict[str, float]:
        """Mean over the images of `consistency` and `consistency_true`, where there are any."""
        result = {}
        for name in ('consistency', 'consistency_true'):
            values = np.array([getattr(image, name) for image in self.images])
            if np.isfinite(values).any():
                result[name] = float(np.nanmean(values))
        return result

    def ranking(self) -> dict[str, float]:
        """`ause` and `sparsification` (area relative to random), means over the images."""
        mean = mean_sparsification([i.ranking for i in self.images if i.ranking is not None])
        return {} if mean is None else {'ause': mean.ause, 'sparsification': mean.ratio}

    def numbers(self) -> dict[str, float]:
        """The model's numbers under flat names, those of `mdepth evaluate` where it has them."""
        own = self.means().get(self.predictors[0], {})
        depth = {f'{s}{kind}': getattr(errors, s) for kind, errors in own.items() for s in SCORES}
        return depth | self.ranking() | self.agreement() | self.motion()


def score(
    predictor: Predictor,
    shots: Shots,
    protocol: Protocol,
    priors: Mapping[str, Array] | None = None,
) -> Result:
    """Score a model on every shot.

    priors  maps of the depth [h, w] in the network's view, metres: what a model could know without
            looking

    Raises MdepthError where nothing can be scored.
    """
    card, priors = predictor.card, priors or {}
    unit = card.metres_per_unit or 1.0
    drives, images = Drives(), []
    for shot in track(shots, description=shots.name, total=shots.total):
        prediction, pair = predictor(shot, ('confidence',))
        maps = {card.name: unit * np.where(prediction.visible, prediction.depth, np.nan), **priors}
        errors = _errors(shot, protocol, prediction, maps) if shot.truth is not None else {}
        ratio = unit * errors[card.name][''].ratio if errors else math.nan
        agreement = drives.add(shot, prediction, ratio)
        ranking = _ranking(shot, protocol, prediction, maps[card.name]) if errors else None
        images.append(
            ImageScore(shot.name, shot.drive, bool(pair.reason), errors, *agreement, ranking)
        )
    chains = drives.chains()
    if not chains and not any(i.errors and i.errors[card.name][''].pixels for i in images):
        low, high = protocol.depth
        notes = ''.join(f'; {note}' for note in shots.notes)
        raise MdepthError(
            f'{shots.name}: nothing to score: no true depth between {low:g} and {high:g} m lies '
            f'in the view, and there are no true poses{notes}'
        )
    trivial = dict.fromkeys(name for image in images for name in image.errors)
    metric = {*trivial} - {'constant', card.name} | (
        {card.name} if card.metres_per_unit else set()
    )
    return Result(
        tuple(dict.fromkeys([card.name, *trivial])),
        frozenset(metric),
        protocol,
        shots.name,
        images,
        chains,
        [*shots.notes, *predictor.perception.warnings],
    )


def scored_pixels(truth: Array, protocol: Protocol) -> tuple[Array, Array]:
    """Rows and columns [N] of the pixels of a truth [H, W] that count."""
    low, high = protocol.depth
    known = (truth > low) & (truth < high)
    height, width = truth.shape
    top, bottom, left, right = scored_box(protocol.crop, (height, width))
    rows, columns = np.nonzero(known[top:bottom, left:right])
    return rows + top, columns + left


def _errors(
    shot: Shot, protocol: Protocol, prediction: Prediction, maps: Mapping[str, Array]
) -> dict[str, Errors]:
    """Errors at the true pixels that count; maps are in the network's view, the model's first.

    All are scored at the same pixels: those that the model sees.
    """
    assert shot.truth is not None and shot.camera is not None
    low, high = protocol.depth
    rows, columns = scored_pixels(shot.truth, protocol)
    predicted = {
        name: at_pixels(
            depth, prediction.camera, shot.camera, rows, columns, nearest=protocol.nearest
        )
        for name, depth in maps.items()
    }
    own = next(iter(predicted.values()))
    predicted['constant'] = np.ones_like(own)
    if protocol.camera_height is not None:
        ground = flat_ground(shot.camera, protocol.camera_height)
        walls = flat_ground(shot.camera, protocol.camera_height, WALL)
        predicted['flat ground'] = ground[rows, columns]
        predicted['flat ground and walls'] = walls[rows, columns]
    moving = None if shot.moving is None else shot.moving[rows, columns]
    truth, result = shot.truth[rows, columns], {}
    for name, values in predicted.items():
        values = np.where(own > 0, values, np.nan)
        errors = DepthScores(min_depth=low, max_depth=high).add(values, truth, moving)
        if protocol.log10:
            errors = {
                kind: replace(e, rmse_log=e.rmse_log / math.log(10)) for kind, e in errors.items()
            }
        result[name] = errors
    return result


def _ranking(
    shot: Shot, protocol: Protocol, prediction: Prediction, depth: Array
) -> Sparsification | None:
    """How the confidence ranks the errors of a depth [h, w], at the pixels that count."""
    assert shot.truth is not None and shot.camera is not None
    rows, columns = scored_pixels(shot.truth, protocol)
    own = at_pixels(depth, prediction.camera, shot.camera, rows, columns, nearest=protocol.nearest)
    low, high = protocol.depth
    errors, scored = scaled_relative_errors(
        own, shot.truth[rows, columns], min_depth=low, max_depth=high
    )
    if not len(errors):
        return None
    pixels = positions(prediction.camera, shot.camera, rows[scored], columns[scored])
    u, v = np.rint(pixels).astype(np.intp).T
    height, width = prediction.confidence.shape
    known = prediction.confidence[v.clip(0, height - 1), u.clip(0, width - 1)]
    return sparsification(errors, known)
