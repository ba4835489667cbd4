# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much moves in images: things in each and their share of the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from mdepth_training.evaluation.shots import Array

LARGE = 0.005
"""Share of the pixels of a thing from which on Mining Supervision counts it."""


@dataclass(frozen=True)
class Traffic:
    """What moves in one image, or means over images.

    share    of the pixels
    objects  things that move
    large    those of at least `LARGE` of the pixels
    """

    share: float
    objects: float
    large: float

    def __str__(self) -> str:
        """A line for a person."""
        return (
            f'{100 * self.share:.2f} % of the pixels move; {self.objects:.2f} moving things per '
            f'image, {self.large:.2f} of them of at least {100 * LARGE:g} % of its pixels'
        )


def traffic_of(things: Array) -> Traffic:
    """What moves in an image: ids [H, W] of things that do, 0 elsewhere."""
    _, pixels = np.unique(things[things > 0], return_counts=True)
    large = (pixels >= LARGE * things.size).sum()
    return Traffic(float(pixels.sum() / things.size), len(pixels), int(large))


def mean_traffic(images: Sequence[Traffic]) -> Traffic:
    """Means over images, those without traffic too."""
    means = (np.mean([getattr(image, f.name) for image in images]) for f in fields(Traffic))
    return Traffic(*map(float, means))
