# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The stand-in made of truth: how wrong it is, and that it says what it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mdepth_training.config import Experiment
from mdepth_training.data.synthetic import named_drive
from mdepth_training.labels.pseudo import PseudoSettings, provider_of, seeming_space
from mdepth_training.labels.pseudo.stand_in import patches, smooth_noise, worse
from mdepth_training.settings import build

from mdepth_ros.errors import MdepthError

RIGHT = PseudoSettings(provider='truth-stand-in', noise=0, bend=0, blur=0)


def chance() -> np.random.Generator:
    return np.random.default_rng(3)


def test_without_knobs_it_is_the_truth_and_a_bend_is_a_power() -> None:
    depth = np.array([[4.0, 10.0, np.inf]])
    none = np.zeros(depth.shape, bool)
    right = worse(depth, none, RIGHT, chance())
    assert right == pytest.approx(np.array([[0.25, 0.1, 0]]))
    bent = worse(depth, none, PseudoSettings(noise=0, blur=0, bend=0.5), chance())
    assert bent == pytest.approx(np.array([[0.125, 10**-1.5, 0]]))


def test_a_bent_ground_rises_and_nothing_else_moves() -> None:
    depth = np.array([[20.0, 5.0, 20.0]])
    ground = np.array([[True, True, False]])
    bent = worse(depth, ground, PseudoSettings(noise=0, bend=0, blur=0, ground=0.5), chance())
    # At 20 m half of the bend: 20 * (1 - 0.5 / 2); at 5 m a fifth of it.
    assert 1 / bent == pytest.approx(np.array([[15.0, 4.5, 20.0]]))


@pytest.mark.parametrize('share', [0.0, 0.2, 0.75])
def test_patches_cover_their_share_and_are_far_off(share: float) -> None:
    inside, factor = patches((96, 320), share, chance())
    assert inside.mean() == pytest.approx(share, abs=0.005)
    assert (factor[~inside] == 0).all()
    assert (abs(factor[inside]) >= np.log(1.5)).all() and (abs(factor[inside]) <= np.log(3)).all()


def test_noise_is_smooth_and_of_its_strength() -> None:
    noise = smooth_noise((96, 320), chance())
    assert noise.std() == pytest.approx(1)
    assert abs(np.diff(noise, axis=1)).max() < 0.5
    depth = np.full((96, 320), 10.0)
    settings = PseudoSettings(noise=0.1, bend=0, blur=0)
    log = np.log(1 / worse(depth, depth < 0, settings, chance()) / 10)
    assert log.std() == pytest.approx(0.1)


def experiment(**data: object) -> Experiment:
    values = {'workers': 0, 'synthetic': {'drives': 1, 'frames': 4}, **data}
    return build(Experiment, {'input_size': [64, 96], 'data': values})


@pytest.mark.parametrize('space', ['depth', 'disparity'])
def test_its_maps_are_the_truth_but_for_a_factor_and_an_offset(space: str) -> None:
    from mdepth_training.data.sample import Key, Sample

    settings = build(PseudoSettings, {**vars(RIGHT), 'space': space})
    stand_in = provider_of(settings, experiment())
    assert 'made of the synthetic truth' in stand_in.name and stand_in.space == space
    none = torch.empty(0)
    sample = Sample(
        none, none, none, none, keys=(Key('synthetic-0', 1, 0), Key('synthetic-0', 2, 0))
    )
    maps = stand_in.maps(sample)
    again = provider_of(settings, experiment()).maps(sample)
    depth = named_drive(experiment(), 'synthetic-0').render([1, 2]).depth
    scales = []
    for one, same, true in zip(maps, again, depth, strict=True):
        assert one is not None and torch.equal(one, same)
        assert seeming_space(one, true) == space
        known = true.isfinite()
        value = (1 / true if space == 'disparity' else true)[known].numpy()
        scale, offset = np.polyfit(value, one[known].numpy(), 1)
        assert one[known].numpy() == pytest.approx(scale * value + offset, rel=1e-4, abs=1e-4)
        scales.append(scale)
    assert abs(np.log(scales[0] / scales[1])) > 0.05  # each map has its own


def test_recordings_have_no_truth() -> None:
    with pytest.raises(MdepthError, match=r'made of the truth .*, and recordings have none'):
        provider_of(RIGHT, experiment(recordings=['drive']))
