# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a provider, made of the synthetic truth: for tests and ablations alone.

It is wrong in the ways in which networks are: bent, blurred, of unknown scale and offset, and,
where asked for, outright wrong in patches, or with a ground that rises where the real one is flat.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdepth_ros.core.machine import choose_device
from mdepth_ros.errors import MdepthError
from mdepth_ros.synthetic import Drive
from mdepth_training.config import Experiment
from mdepth_training.data import Key, Sample, TripletSource
from mdepth_training.data.synthetic import named_drive
from mdepth_training.labels.pseudo.provider import AFFINE, Space
from mdepth_training.labels.pseudo.settings import STAND_IN, PseudoSettings

GROUND = 1
"""Its number among the instances of the synthetic world."""
FAR = 20.0
"""Metres at which half of the bend of the ground is reached."""
SMOOTH = 16
"""Pixels from knot to knot of the smooth noise."""
Floats = NDArray[np.float64]


class StandIn:
    """Truth, made worse by the settings; the same for the same seed and frame."""

    known, licence = AFFINE, 'none: truth of the synthetic world'

    def __init__(self, experiment: Experiment, settings: PseudoSettings) -> None:
        if experiment.data.recorded:
            raise MdepthError(
                f'{STAND_IN} is made of the truth of data.synthetic, and recordings have none: '
                'give a network, or a folder of maps'
            )
        self.space: Space = settings.space or 'disparity'
        self._settings, self._device = settings, choose_device('auto')
        knobs = ', '.join(
            f'{name} {getattr(settings, name):g}'
            for name in ('noise', 'bend', 'blur', 'wrong', 'ground')
        )
        self.name = f'stand-in made of the synthetic truth ({knobs})'
        self.origin: dict[str, Any] = {}

        @lru_cache(2)
        def drive_of(name: str) -> Drive:
            return named_drive(experiment, name)

        self._drive_of = drive_of

    def begin(self, source: TripletSource) -> None:
        """Nothing has to be looked for."""

    def image_size(self, native: tuple[int, int]) -> tuple[int, int] | None:
        """No images are needed."""
        return None

    def maps(self, sample: Sample) -> Sequence[Tensor | None]:
        """The map [h, w] of each frame."""
        return [self._map(key) for key in sample.keys]

    def _map(self, key: Key) -> Tensor:
        view = self._drive_of(key.drive).render([key.frame], self._device)
        depth = view.depth[0].cpu().numpy().astype(np.float64)
        ground = view.instance[0].cpu().numpy() == GROUND
        random = np.random.default_rng([self._settings.seed, *key.drive.encode(), key.frame])
        disparity = worse(depth, ground, self._settings, random)
        factor, offset = np.exp(random.uniform(-0.7, 0.7)), random.uniform(0, 0.1)
        with np.errstate(divide='ignore'):
            value = disparity if self.space == 'disparity' else 1 / disparity
        scale = np.median(value[np.isfinite(value)])
        return torch.from_numpy((factor * (value / scale + offset)).astype(np.float32))


def worse(
    depth: Floats,
    ground: NDArray[np.bool_],
    settings: PseudoSettings,
    random: np.random.Generator,
) -> Floats:
    """True depth [H, W] in metres (+Inf: sky) -> a worse disparity [H, W], 0 far away.

    ground  where the ground is
    """
    bent = depth.copy()
    with np.errstate(invalid='ignore'):
        nearer = 1 - settings.ground * depth / (depth + FAR)
    bent[ground] *= np.maximum(nearer[ground], 0.05)
    wrong, factor = patches(depth.shape, settings.wrong, random)
    log = settings.noise * smooth_noise(depth.shape, random) + np.where(wrong, factor, 0)
    disparity = 1 / bent ** (1 + settings.bend) * np.exp(-log)
    if settings.blur:
        disparity = np.asarray(cv2.GaussianBlur(disparity, (0, 0), settings.blur))
    return disparity


def smooth_noise(shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """Noise [H, W] of deviation 1, alike within SMOOTH pixels."""
    knots = random.normal(size=[side // SMOOTH + 2 for side in shape])
    size = shape[1], shape[0]
    noise = np.asarray(cv2.resize(knots, size, interpolation=cv2.INTER_CUBIC))
    return noise / max(float(noise.std()), 1e-9)


def patches(
    shape: tuple[int, ...], share: float, random: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats]:
    """Boxes [H, W] that cover this share of the pixels, and by which log depth is wrong there.

    Each box is 1.5 to 3 times too far, or too near.
    """
    height, width = shape
    inside, factor = np.zeros(shape, bool), np.zeros(shape)
    wanted = round(share * height * width)
    while (left := wanted - int(inside.sum())) > 0:
        columns = min(int(random.integers(width // 8, width // 3 + 1)), left)
        rows = min(int(random.integers(height // 8, height // 3 + 1)), -(-left // columns))
        top, start = random.integers(height - rows + 1), random.integers(width - columns + 1)
        box = slice(top, top + rows), slice(start, start + columns)
        inside[box] = True
        factor[box] = random.choice([-1, 1]) * random.uniform(np.log(1.5), np.log(3))
    return inside, factor
