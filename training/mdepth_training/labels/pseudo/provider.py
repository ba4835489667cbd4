# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The one interface of all providers of pseudo-depth, and what their maps mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from torch import Tensor

from mdepth_training.data import Sample, TripletSource

Space = Literal['depth', 'disparity']
AFFINE = 'affine-invariant'
"""Known up to a factor and an offset of each map."""
SCALE = 'known up to a factor'
METRIC = 'metric'
"""Depth in metres, disparity in 1/metres."""


class Provider(Protocol):
    """Where pseudo-depth comes from.

    name     for a person: the model or the folder
    space    'depth' or 'disparity', what its maps are
    known    AFFINE, SCALE or METRIC
    licence  of the model, '' where nobody says it
    origin   all that decides its maps, beside the settings
    """

    name: str
    space: Space
    known: str
    licence: str
    origin: dict[str, Any]

    def begin(self, source: TripletSource) -> None:
        """Look at all frames; MdepthError where there are no maps of them."""

    def image_size(self, native: tuple[int, int]) -> tuple[int, int] | None:
        """Height and width of the images that it wants to see; None: it needs none.

        native  those of the images as they were recorded, in the view of the labels
        """
        ...

    def maps(self, sample: Sample) -> Sequence[Tensor | None]:
        """A map [h, w] of each frame of a batch, in the view of the labels; NaN is unknown.

        sample  on the device: `current` are the images, 0..1, of `image_size`. None where there is
                no map of a frame
        """
        ...
