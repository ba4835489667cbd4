# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much moves in images: things in each and their share of the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdepth_training.evaluation.shots import Array

LARGE = 0.005
"""Share of the pixels of a thing from which on Mining Supervision counts it."""


@dataclass(frozen=True)
class Traffic:
    """What moves in one image, or means over images.

    share    of the pixels
    objects  things that move; None where they are not told apart
    large    those of at least `LARGE` of the pixels
    """

    share: float
    objects: float | None = None
    large: float | None = None

    def __str__(self) -> str:
        """A line for a person."""
        pixels = f'{100 * self.share:.2f} % of the pixels move'
        if self.objects is None or self.large is None:
            return pixels
        return (
            f'{pixels}; {self.objects:.2f} moving things per image, {self.large:.2f} of them of '
            f'at least {100 * LARGE:g} % of its pixels'
        )


def traffic_of(moving: Array, ids: Array | None = None) -> Traffic:
    """What moves in an image: `moving` bool [H, W], and which thing is where, `ids` [H, W]."""
    share = float(moving.mean())
    if ids is None:
        return Traffic(share)
    _, pixels = np.unique(ids[moving], return_counts=True)
    return Traffic(share, len(pixels), int((pixels >= LARGE * moving.size).sum()))


def mean_traffic(images: Sequence[Traffic]) -> Traffic:
    """Means over images, those without traffic too; of things, over those that tell them apart."""
    told = [i for i in images if i.objects is not None and i.large is not None]
    share = float(np.mean([image.share for image in images]))
    if not told:
        return Traffic(share)
    objects, large = ([getattr(image, name) for image in told] for name in ('objects', 'large'))
    return Traffic(share, float(np.mean(objects)), float(np.mean(large)))
