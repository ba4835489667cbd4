# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every choice of shape and scale, as the table of the ablation has them; networks of chance."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mdepth_training.config import Experiment, Training
from mdepth_training.data import Sample
from mdepth_training.methods.dynamic_regions.alignment_stage import AlignScale
from mdepth_training.methods.dynamic_regions.label_maker import own_depths
from mdepth_training.methods.dynamic_regions.method import DynamicRegions
from mdepth_training.methods.dynamic_regions.settings import DynamicRegionsSettings
from mdepth_training.methods.dynamic_regions.things import Things, things_of
from mdepth_training.optimiser import Timetable

from mdepth_ros.geometry import Camera
from mdepth_ros.networks import NetworkConfig

HEIGHT, WIDTH = 64, 96
TINY = Experiment(
    input_size=(HEIGHT, WIDTH),
    network=NetworkConfig(width=0.125, disparity_bias=-3.0),
    method=DynamicRegionsSettings(),
    training=Training(batch_size=2),
)
CHOICES = [(scale, shape) for scale in ('contact', 'network') for shape in ('flat', 'object')]
CHOICES += [('contact', 'scene'), ('network', 'scene'), ('rows', 'flat')]


def given() -> tuple[Sample, Things]:
    """Ground whose depth falls from row to row; a thing that stands on it, one at the border."""
    depth = torch.linspace(20, 2, HEIGHT)[:, None].expand(HEIGHT, WIDTH).clone()
    ids = torch.zeros(HEIGHT, WIDTH, dtype=torch.uint8)
    ids[20:40, 10:30], ids[50:64, 60:80] = 1, 2
    ground = ids == 0
    depth[20:40, 10:30] = torch.linspace(30, 60, 20)  # wrong, as that of a car ahead
    images = [torch.rand(1, 3, HEIGHT, WIDTH) for _ in range(3)]
    ids, ground = ids[None, None], ground[None, None]
    labels = {'scene_depth': depth[None, None], 'ground': ground, 'instances': ids}
    labels['static_things'] = torch.zeros_like(ids)
    K = Camera(WIDTH, HEIGHT, 60.0, 60.0, 47.5, 31.5).matrix().float()[None]
    return Sample(*images, K, labels=labels), things_of(ids, ids, ids, 0)


def learner() -> AlignScale:
    torch.manual_seed(0)
    return AlignScale(TINY, Timetable.of(TINY.training, TINY.method, 1)).eval()


@pytest.mark.parametrize(('scale', 'shape'), CHOICES)
@torch.no_grad()
def test_the_depth_of_a_thing_is_its_shape_times_its_scale(scale: str, shape: str) -> None:
    sample, things = given()
    settings = replace(TINY.method, scale=scale, shape=shape)
    own, known = own_depths(things, sample, settings, learner())
    inside = own[0][things.current[0, 0]].view(20, 20)
    # Rows 40 and 41 lie below the one; nothing lies below the other. Its own depth is 30 to 60.
    below, feet = 20 - 18 / 63 * 40.5, 45.0
    if scale == 'contact':
        torch.testing.assert_close(inside.mean(), torch.tensor((below * feet) ** 0.5))
    assert known.tolist() == [True, scale == 'network']
    anywhere = replace(settings, on_ground=False)
    assert own_depths(things, sample, anywhere, learner())[1].all()
    if scale == 'rows':  # the line on which it stands lies between rows 39 and 40
        assert torch.allclose(inside, torch.tensor(20 - 18 / 63 * 39.5), rtol=0.01)
    elif shape == 'flat':
        assert (inside == inside[0, 0]).all()
    elif shape == 'scene':
        slant = torch.linspace(30, 60, 20) / 45
        torch.testing.assert_close(inside / inside.mean(), slant.expand(20, 20))
    else:
        assert inside.std() > 0


def test_the_table_of_the_ablation_has_them_all() -> None:
    first, *variants = DynamicRegions.tables['labels'](TINY)
    assert first.settings == ('method.label_weight=0', 'method.scene_weight=0')
    wanted = {(f'method.scale={a}', f'method.shape={b}') for a, b in CHOICES}
    assert {variant.settings for variant in variants} == wanted
