# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth labels of what moves (Mining Supervision, Eq. 5 and stage 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import torch
from torch import Tensor

from mdepth_ros.core.machine import choose_device
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import load_model
from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind
from mdepth_training.methods.dynamic_regions.alignment import normalised, shapes
from mdepth_training.methods.dynamic_regions.alignment_stage import AlignScale
from mdepth_training.methods.dynamic_regions.contact import (
    contact_depth,
    depth_label,
    on_seen_ground,
    standing_depths,
)
from mdepth_training.methods.dynamic_regions.part import has_part
from mdepth_training.methods.dynamic_regions.things import Things, things_of
from mdepth_training.stages import LabelMaker

if TYPE_CHECKING:
    from mdepth_training.methods.dynamic_regions.settings import DynamicRegionsSettings
    from mdepth_training.stages import Stage

IDS = ('instances', 'things_previous', 'things_following')
READS = ('scene_depth', 'ground', 'static_things', *IDS)
SMALLEST = 1e-3
MOST_EDGE = 4.0
"""The most pixels of a thing's edge."""


def label_maker(stage: Stage) -> LabelMaker:
    """Depth of what moves: its shape (`method.shape`) times its scale (`method.scale`).

    Raises MdepthError where these need networks that the stage's model does not have.
    """
    size, learner = stage.experiment.input_size, _networks(stage)
    settings = cast('DynamicRegionsSettings', stage.settings.method)
    if settings.scale == 'rows' and settings.shape != 'flat':
        raise MdepthError(
            f'stage {stage.name}: method.shape={settings.shape} is not used by method.scale=rows: '
            'set method.scale=contact or network, or leave the shape out'
        )
    kinds = {
        'depth_label': Kind.rounded('depth', size, 'Eq. 5: scene depth, things at their own'),
        'dynamic': Kind('mask', size, description='things that move, and have a label'),
    }

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        depth = sample.labels['scene_depth'].float()[:, 0]
        label, dynamic = depth.clone(), torch.zeros_like(depth, dtype=torch.bool)
        ids, previous, following = (sample.labels[name] for name in IDS)
        things = things_of(ids, previous, following, 0)
        if not things.none:
            own, known = own_depths(things, sample, settings, learner)
            for i in range(len(depth)):
                of_frame = known & (things.places == i)
                masks = things.current[of_frame, 0]
                label[i] = depth_label(depth[i], masks, own[of_frame])
                if len(masks):
                    inner = [without_edge(mask, settings.edge) for mask in masks]
                    dynamic[i] = torch.stack(inner).any(0)
        return {'depth_label': label[:, None], 'dynamic': dynamic[:, None]}

    return LabelMaker(kinds, maps, READS)


def without_edge(mask: Tensor, share: float) -> Tensor:
    """A mask [H, W] less its edge, this share of the root of its area."""
    radius = round(min(share * float(mask.sum()) ** 0.5, MOST_EDGE))
    kernel = np.ones((2 * radius + 1,) * 2, np.uint8)
    eroded = cv2.erode(mask.cpu().numpy().astype(np.uint8), kernel, borderValue=1)
    return torch.from_numpy(eroded > 0).to(mask.device)


def own_depths(
    things: Things,
    sample: Sample,
    settings: DynamicRegionsSettings,
    learner: AlignScale | None = None,
) -> tuple[Tensor, Tensor]:
    """Depths [N, H, W] of things in units of the scene's, and which are known [N]."""
    mask = things.current[:, 0]
    depth = sample.labels['scene_depth'].float()[things.places, 0]
    ground = sample.labels['ground'][things.places, 0] > 0
    stands = torch.ones_like(things.places, dtype=torch.bool)
    if settings.on_ground and settings.scale != 'network':
        pairs = zip(mask.cpu().numpy(), ground.cpu().numpy(), strict=True)
        stands = torch.tensor([on_seen_ground(*pair) for pair in pairs]).to(stands)
    if settings.scale == 'rows':
        every = ((sample.labels['instances'] > 0) | (sample.labels['static_things'] > 0))[:, 0]
        frames = zip(
            *(x.cpu().numpy() for x in (mask, every[things.places], depth, ground)), strict=True
        )
        found = torch.from_numpy(np.stack([standing_depths(*frame) for frame in frames]))
        return found.nan_to_num(1.0).to(depth)[:, None].expand_as(depth), stands & mask.any(2).any(
            1
        )
    alone, network = things.images(sample), learner.network if learner else None
    own = shapes(settings.shape, network, alone.previous, alone.current, depth)
    if settings.scale == 'contact':
        frames = zip(*(x.cpu().numpy() for x in (mask, depth, ground)), strict=True)
        scale = torch.tensor([contact_depth(*frame) for frame in frames]).to(depth)
    else:
        assert learner is not None
        scale = learner.alignment.scale(sample.current[things.places], mask, own, depth, ground)
    known = stands & scale.isfinite()
    scaled = normalised(own, mask) * scale.nan_to_num(1.0)[:, None, None]
    return scaled.clamp(min=SMALLEST), known


def _networks(stage: Stage) -> AlignScale | None:
    """Those that shape and scale need; None where they need none."""
    settings = cast('DynamicRegionsSettings', stage.settings.method)
    if settings.scale == 'rows' or (settings.scale == 'contact' and settings.shape != 'object'):
        return None
    if stage.model_file is None:
        raise MdepthError(
            f'stage {stage.name} needs a model for method.scale={settings.scale} and '
            f'method.shape={settings.shape}: set its `model` to the stage that learns it, or '
            'set method.scale=contact and method.shape=flat'
        )
    if settings.scale == 'network' and not has_part(stage.model_file, 'alignment'):
        raise MdepthError(
            f'stage {stage.name}: {stage.model_file} has no scale alignment: set its `model` to '
            'a stage of the method scale_alignment, or set method.scale=contact'
        )
    network, _ = load_model(stage.model_file)
    learner = AlignScale(stage.experiment, network=network)
    learner.load_parts(stage.model_file)
    return learner.to(choose_device('auto')).eval()
