# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model file of our own as a provider: a large network for a small one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from torch import Tensor

from mdepth_ros.core.machine import choose_device
from mdepth_ros.model.file import load_model
from mdepth_training.data import Sample, TripletSource
from mdepth_training.labels.pseudo.provider import SCALE, Space
from mdepth_training.labels.pseudo.settings import PseudoSettings

MULTIPLE = 32
"""Of which the sides of its images are."""


class OwnModel:
    """Depth of single images, without the cues of a pair, in network units."""

    space: Space = 'depth'
    known = SCALE

    def __init__(self, path: Path, settings: PseudoSettings) -> None:
        network, self._card = load_model(path)
        self._network = network.to(choose_device('auto')).eval()
        self._wanted = settings.image_size
        self.name = f'{self._card.name} ({path.name})'
        self.licence = settings.licence or self._card.licence
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.origin: dict[str, Any] = {'provider model': digest}

    def begin(self, source: TripletSource) -> None:
        """Nothing has to be looked for."""

    def image_size(self, native: tuple[int, int]) -> tuple[int, int]:
        """As its card says, or with as many pixels of the shape of these images."""
        height, width = self._card.input_size
        aspect = native[1] / native[0]
        if self._wanted is None and abs(aspect * height / width - 1) < 0.02:
            return height, width
        rows = self._wanted[0] if self._wanted else (height * width / aspect) ** 0.5
        columns = self._wanted[1] if self._wanted else rows * aspect
        return in_multiples(rows), in_multiples(columns)

    def maps(self, sample: Sample) -> list[Tensor | None]:
        """Depth [h, w] of each image."""
        network = self._network
        disparities = network.depth_decoder(network.features(sample.current), 1)
        return list(network.depth(disparities[0].float())[:, 0])


def in_multiples(side: float) -> int:
    """The nearest size that the networks take; two cells at least."""
    return max(round(side / MULTIPLE), 2) * MULTIPLE
