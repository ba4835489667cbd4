# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model on the images of one data set, beside what needs no learning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from rich.progress import track

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import (
    DepthErrors,
    errors_by_kind,
    means_by_kind,
    sample_nearest,
    scaled_relative_errors,
)
from mdepth_ros.evaluation.sparsification import (
    Sparsification,
    mean_sparsification,
    sparsification,
)
from mdepth_ros.geometry import Camera
from mdepth_training.evaluation.motion import Chain, Drives
from mdepth_training.evaluation.predict import Predictor, at_pixels, positions
from mdepth_training.evaluation.protocols import Protocol, scored_box
from mdepth_training.evaluation.shots import Array, Shot, Shots
from mdepth_training.evaluation.traffic import Traffic, mean_traffic, traffic_of
from mdepth_training.evaluation.trivial import flat_ground

WALL = 7.5  # metres from the camera to the walls beside the flat ground

Errors = dict[str, DepthErrors]
"""By kind, see `errors_by_kind`."""


@dataclass(frozen=True)
class ImageScore:
    """One image: errors by predictor, and the agreement of its depth with the frame before.

    alone             the frame was paired with itself
    errors            `_raw` only of predictors whose depth is in metres; empty without true depth
    consistency       by the model's own motion, see `inconsistency`; NaN without a frame before
    consistency_true  by the true motion
    ranking           how the confidence ranks the errors of the model; None without true depth
    traffic           what moves in the image; None where things are not told apart
    """

    name: str
    drive: str
    alone: bool
    errors: dict[str, Errors]
    consistency: float
    consistency_true: float
    ranking: Sparsification | None
    traffic: Traffic | None


@dataclass(frozen=True)
class Result:
    """All numbers of one evaluation.

    predictors  names, the model first
    chains      motions of the model beside the true ones, where those are known
    dynamic     what the moving part is
    """

    predictors: tuple[str, ...]
    protocol: Protocol
    data: str
    images: list[ImageScore]
    chains: list[Chain]
    notes: list[str]
    dynamic: str

    def means(self) -> dict[str, Errors]:
        """Mean over the images by predictor and kind; empty without true depth."""
        means = {
            name: means_by_kind([image.errors.get(name, {}) for image in self.images])
            for name in self.predictors
        }
        return {name: errors for name, errors in means.items() if errors}

    def agreement(self) -> dict[str, float]:
        """Mean over the images of `consistency` and `consistency_true`, where there are any."""
        result = {}
        for name in ('consistency', 'consistency_true'):
            values = np.array([getattr(image, name) for image in self.images])
            if np.isfinite(values).any():
                result[name] = float(np.nanmean(values))
        return result

    def traffic(self) -> Traffic | None:
        """Mean over the images in which what moves is known as things."""
        known = [image.traffic for image in self.images if image.traffic is not None]
        return mean_traffic(known) if known else None

    def ranking(self) -> dict[str, float]:
        """`ause` and `sparsification` (area relative to random), means over the images."""
        mean = mean_sparsification([i.ranking for i in self.images if i.ranking is not None])
        return {} if mean is None else {'ause': mean.ause, 'sparsification': mean.ratio}


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
    card, unit = predictor.card, predictor.card.metres_per_unit
    drives, images = Drives(), []
    for shot in track(shots, description=shots.name, total=shots.total):
        prediction, pair = predictor(shot, ('confidence',))
        errors, ranking, ratio, traffic = dict[str, Errors](), None, math.nan, None
        if shot.truth is not None:
            pixels = TruePixels(shot, protocol, prediction.camera)
            depth = np.where(prediction.visible, prediction.depth, np.nan)
            own = pixels.sampled((unit or 1.0) * depth)
            errors[card.name] = pixels.errors(own, metric=unit is not None)
            for name, values in pixels.trivial(priors or {}).items():
                seen = np.where(own > 0, values, np.nan)
                errors[name] = pixels.errors(seen, metric=name != 'constant')
            ratio = (unit or 1.0) * errors[card.name][''].ratio
            ranking = pixels.ranking(own, prediction.confidence)
            traffic = None if shot.things is None else traffic_of(shot.things)
        agreement = drives.add(shot, prediction, ratio)
        images.append(
            ImageScore(
                shot.name, shot.drive, bool(pair.reason), errors, *agreement, ranking, traffic
            )
        )
    chains = drives.chains()
    if not chains and not any(i.errors and i.errors[card.name][''].pixels for i in images):
        low, high = protocol.depth
        notes = ''.join(f'; {note}' for note in shots.notes)
        raise MdepthError(
            f'{shots.name}: nothing to score: no true depth between {low:g} and {high:g} m lies '
            f'in the view, and there are no true poses{notes}'
        )
    predictors = dict.fromkeys([card.name, *(name for image in images for name in image.errors)])
    said = [*shots.notes, *predictor.perception.warnings]
    return Result(tuple(predictors), protocol, shots.name, images, chains, said, shots.dynamic)


class TruePixels:
    """The N pixels of a shot's truth that count, in the view of a network's camera.

    truth   [N] metres
    moving  bool [N], what moves by itself; None where that is not known
    pixels  [N, 2] where they lie in the network's view
    """

    def __init__(self, shot: Shot, protocol: Protocol, camera: Camera) -> None:
        assert shot.truth is not None and shot.camera is not None
        self._protocol, self._camera, self._true_camera = protocol, camera, shot.camera
        low, high = protocol.depth
        known = (shot.truth > low) & (shot.truth < high)
        height, width = shot.truth.shape
        top, bottom, left, right = scored_box(protocol.crop, (height, width))
        rows, columns = np.nonzero(known[top:bottom, left:right])
        self._place = rows + top, columns + left
        self.truth = shot.truth[self._place]
        self.moving = None if shot.moving is None else shot.moving[self._place]
        self.pixels = positions(camera, shot.camera, *self._place)

    def sampled(self, depth: Array) -> Array:
        """A depth [h, w] of the network's view at the pixels; NaN outside of it."""
        nearest = self._protocol.nearest
        return at_pixels(depth, self._camera, self._true_camera, *self._place, nearest=nearest)

    def trivial(self, priors: Mapping[str, Array]) -> dict[str, Array]:
        """Depth [N] that needs no looking: the priors, a constant and the flat ground."""
        found = {name: self.sampled(prior) for name, prior in priors.items()}
        found['constant'] = np.ones(len(self.truth))
        height = self._protocol.camera_height
        if height is not None:
            found['flat ground'] = flat_ground(self._true_camera, height)[self._place]
            walls = flat_ground(self._true_camera, height, WALL)
            found['flat ground and walls'] = walls[self._place]
        return found

    def errors(self, depth: Array, *, metric: bool) -> Errors:
        """Errors of a depth [N] by kind, `_raw` only where it is in metres."""
        low, high = self._protocol.depth
        errors = errors_by_kind(depth, self.truth, self.moving, min_depth=low, max_depth=high)
        if self._protocol.log10:
            errors = {k: replace(e, rmse_log=e.rmse_log / math.log(10)) for k, e in errors.items()}
        return {k: e for k, e in errors.items() if metric or not k.endswith('_raw')}

    def ranking(self, depth: Array, confidence: Array) -> Sparsification | None:
        """How the confidence [h, w] of the network's view ranks the errors of a depth [N]."""
        low, high = self._protocol.depth
        errors, scored = scaled_relative_errors(depth, self.truth, min_depth=low, max_depth=high)
        if not len(errors):
            return None
        return sparsification(errors, sample_nearest(confidence, self.pixels[scored]))
