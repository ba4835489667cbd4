# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of any provider as labels: sizes, unknown pixels, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from mdepth_training.data import Key, Sample, TripletSource
from mdepth_training.labels.pseudo import pseudo_maker
from mdepth_training.labels.pseudo.provider import AFFINE, METRIC, SCALE
from torch import Tensor

from mdepth_ros.errors import MdepthError


class Said:
    """A provider that gives what it was given."""

    name, licence = 'somebody', 'MIT'

    def __init__(self, space: Any, known: str, *maps: Tensor | None) -> None:
        self.space, self.known, self._maps = space, known, maps
        self.origin: dict[str, Any] = {}

    def begin(self, source: TripletSource) -> None: ...

    def image_size(self, native: tuple[int, int]) -> tuple[int, int] | None:
        return native

    def maps(self, sample: Sample) -> Sequence[Tensor | None]:
        return self._maps


def made(space: str, known: str, *maps: Tensor | None) -> tuple[Tensor, list[str]]:
    """The labels [B, 4, 6], and the remarks."""
    maker = pseudo_maker(Said(space, known, *maps), (4, 6))
    none = torch.empty(0)
    keys = tuple(Key('a', number, 0) for number in range(len(maps)))
    images = torch.zeros(len(maps), 3, 8, 12)
    labels = maker.maps(Sample(none, images, none, none, keys=keys))[f'pseudo_{space}']
    for label in labels:
        maker.kinds[f'pseudo_{space}'].checked(space, label)  # the store takes it
    return labels[:, 0], list(maker.remarks())


RAMP = torch.arange(1.0, 25.0).reshape(4, 6)


def test_names_and_description_say_what_it_is() -> None:
    maker = pseudo_maker(Said('disparity', AFFINE), (4, 6))
    (kind,) = maker.kinds.values()
    assert list(maker.kinds) == ['pseudo_disparity'] and kind.what == 'value'
    assert kind.description == 'disparity of somebody, affine-invariant; licence MIT'
    maker = pseudo_maker(Said('depth', METRIC), (4, 6))
    assert list(maker.kinds) == ['pseudo_depth'] and maker.kinds['pseudo_depth'].what == 'depth'
    assert 'metric' in maker.kinds['pseudo_depth'].description


def test_a_map_of_another_size_is_resized_and_its_values_stay() -> None:
    large = RAMP.repeat_interleave(2, 0).repeat_interleave(2, 1)
    labels, _ = made('disparity', AFFINE, RAMP, large)
    assert torch.equal(labels[0], RAMP)
    inner = slice(1, 3), slice(1, 5)  # an average reaches over the edges of the others
    assert labels[1][inner].allclose(RAMP[inner]) and labels[1].mean() == pytest.approx(12.5)


def test_unknown_pixels_stay_unknown() -> None:
    one = RAMP.clone()
    one[0, 0], one[1, 1] = torch.nan, torch.inf
    labels, remarks = made('disparity', AFFINE, one)
    assert labels[0].isnan().nonzero().tolist() == [[0, 0], [1, 1]] and remarks == []
    one = RAMP - 3  # what is not in front of a camera is no depth
    labels, _ = made('depth', SCALE, one)
    assert labels[0].isnan().sum() == 3 and torch.equal(labels[0][1:], one[1:])


def test_affine_depth_is_moved_in_front_of_the_camera() -> None:
    labels, _ = made('depth', AFFINE, RAMP - 10)
    assert labels[0].min() > 0
    assert labels[0].diff().allclose(RAMP.diff(), atol=1e-5)
    labels, _ = made('depth', AFFINE, RAMP)
    assert torch.equal(labels[0], RAMP)


def test_a_frame_of_which_nothing_is_said_is_unknown_and_told() -> None:
    constant, nothing = torch.full((4, 6), 3.0), torch.full((4, 6), torch.nan)
    labels, remarks = made('disparity', AFFINE, RAMP, constant, nothing, None)
    assert labels[0].isfinite().all() and labels[1:].isnan().all()
    assert remarks == [
        'somebody says nothing of 2 frames (the first is frame 1 of a): unknown there'
    ]


@pytest.mark.parametrize(
    ('maps', 'said'),
    [
        (
            [torch.full((4, 6), 3.0)] * 2,
            'nothing of frame 0 of a .* is 3 everywhere',
        ),
        ([torch.full((4, 6), torch.nan)], 'has no finite number'),
        ([torch.rand(6, 4)], 'gives maps of 4x6 for images of 12x8: give a model'),
        ([RAMP * 1e5], 'gives numbers up to 2.4e[+]06'),
    ],
)
def test_a_broken_provider_is_one_line(maps: list[Tensor], said: str) -> None:
    with pytest.raises(MdepthError, match=said) as caught:
        made('disparity', AFFINE, *maps)
    assert '\n' not in str(caught.value)
