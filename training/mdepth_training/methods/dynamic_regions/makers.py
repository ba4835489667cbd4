# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels of what the scene stage sees, and of the things in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from mdepth_ros.core.machine import choose_device
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import project_depth
from mdepth_ros.model.file import load_model
from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind, LabelStore
from mdepth_training.methods.dynamic_regions.credible import credible_things
from mdepth_training.methods.dynamic_regions.ground import (
    CERTAIN,
    GROUND,
    ground_around,
    ground_mask,
    low_above,
)
from mdepth_training.methods.dynamic_regions.objects import (
    Mask,
    ObjectRules,
    components,
    dynamic_mask,
    sorted_objects,
)
from mdepth_training.methods.dynamic_regions.part import has_part
from mdepth_training.methods.dynamic_regions.static import static_things
from mdepth_training.methods.dynamic_regions.things import IDS, seen_from
from mdepth_training.stages import LabelMaker

if TYPE_CHECKING:
    from mdepth_training.methods.dynamic_regions.method import DynamicRegions
    from mdepth_training.methods.dynamic_regions.settings import DynamicRegionsSettings
    from mdepth_training.stages import Stage

STILL = 0.01
"""Own motion in pixels below which a pixel stands still (the authors' code)."""
OBJECTS = 'objects'
"""Ids of all things of a frame, whether they move or not."""
SLOTS = 'slots'
"""The slot that each moving pixel is of."""
SCENE = ('scene_depth', 'flow_previous', 'flow_following', 'transforms')


def scene_maker(stage: Stage) -> LabelMaker:
    """Depth of the scene, and each pixel's own motion to the previous and the following frame."""
    learner, size = _learner(stage), stage.experiment.input_size
    cues = cast('DynamicRegionsSettings', stage.settings.method).scene_cues
    kinds = {
        'scene_depth': Kind.rounded('depth', size, 'network units, as the scene stage has it'),
        'flow_previous': Kind.rounded('flow', size, 'own motion to the previous frame'),
        'flow_following': Kind.rounded('flow', size, 'own motion to the following frame'),
        'transforms': Kind(
            'value',
            (1, 1),
            24,
            'float32',
            'T_previous_current and T_following_current, three rows each, network units',
        ),
    }

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        depth, flows, transforms = scene_of(learner, sample, cues)
        rows = torch.stack([T[:, :3] for T in transforms], 1)
        return dict(zip(SCENE, (depth[:, None], *flows, rows.reshape(-1, 24, 1, 1)), strict=True))

    return LabelMaker(kinds, maps)


def things_maker(stage: Stage) -> LabelMaker:
    """The ground, and the things on it: those that move, those that stand still.

    Where a store of the stage has `objects`, these are the things; else they are components of
    what moves (within `slots`, where a store has these), and of what stands on the ground. The
    ground is where a label `ground_probability` says so; without one, the closed form.
    """
    size, rules = stage.experiment.input_size, ObjectRules()
    settings = cast('DynamicRegionsSettings', stage.settings.method)
    reads = (*SCENE, *available(stage, (OBJECTS, SLOTS, GROUND)))

    def ids(description: str) -> Kind:
        return Kind('ids', size, dtype='uint8', description=description)

    kinds = {
        'ground': Kind('mask', size, description='level and low, up to where things stand'),
        'instances': ids('things that move'),
        'static_things': ids('things that stand still, numbered on after those that move'),
        'unsure': Kind('mask', size, description='as low as things are, and none was found'),
        'things_previous': ids('where both are in the previous frame'),
        'things_following': ids('where both are in the following frame'),
    }

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        labels = {name: sample.labels[name].float().cpu() for name in reads}
        depth, K = labels['scene_depth'][:, 0], sample.K.cpu()
        flows = [labels['flow_previous'], labels['flow_following']]
        if GROUND in labels:
            ground = labels[GROUND][:, 0] > CERTAIN / 2
        else:
            ground = ground_mask(depth, K)
        around = ground_around(ground, depth, K)
        transforms = transforms_of(labels['transforms'])
        objects, slots = (
            labels[name][:, 0].int().numpy() if name in labels else [None] * len(depth)
            for name in (OBJECTS, SLOTS)
        )
        found = []
        for i in range(len(depth)):
            own = torch.stack(flows, 1)[i].numpy()
            moves = dynamic_mask(own, settings.least_motion)
            d, g, a = (x[i].numpy() for x in (depth, ground, around))
            moving, still = things_in(moves, d, g, a, rules, objects[i], slots[i])
            if objects[i] is None:
                free = a & (moving == 0) & (still == 0)
                moving = credible_things(moving, own, d, free, K[i].numpy())
            found.append(np.stack([moving, still]))
        instances, static = torch.from_numpy(np.stack(found)).unbind(1)
        things = torch.maximum(instances, static)
        seen = [
            seen_from(things, depth, T, K, flow) for T, flow in zip(transforms, flows, strict=True)
        ]
        unsure = low_above(around, depth, K) & (instances == 0)
        everything = (around & (things == 0), instances, static, unsure, *seen)
        return {name: one[:, None] for name, one in zip(kinds, everything, strict=True)}

    return LabelMaker(kinds, maps, reads)


def available(stage: Stage, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the labels that one of the stage's stores has."""
    stores = [LabelStore.open(Path(path)) for path in stage.experiment.data.labels]
    return tuple(name for name in names if any(name in store.kinds for store in stores))


def transforms_of(rows: Tensor) -> tuple[Tensor, ...]:
    """T_previous_current and T_following_current [B, 4, 4] of the label [B, 24, 1, 1]."""
    last = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(len(rows), 2, 1, 4)
    return torch.cat([rows.reshape(-1, 2, 3, 4), last], 2).unbind(1)


def scene_of(
    learner: DynamicRegions, sample: Sample, cues: bool = False
) -> tuple[Tensor, list[Tensor], tuple[Tensor, Tensor]]:
    """Depth [B, H, W] of a batch, its own motions and the transforms to the two neighbours.

    The own motions are two flows [B, 2, H, W] in pixels; T_previous_current and
    T_following_current [B, 4, 4].
    """
    network = learner.network
    use_cues = torch.full((len(sample.K),), cues, device=learner.device)
    disparities, pose = network(sample.previous, sample.current, use_cues)
    ahead = network.pose(sample.current, sample.following)
    s, transforms = learner.in_camera(sample, pose, ahead)
    depth = network.depth(disparities[0].float())[:, 0] * s[:, None, None]
    flows = []
    # All motion, not only what the losses count: what drives ahead hardly moves in the image.
    translations = learner.own_motions(sample, depth, transforms, chosen=False)
    for T, translation in zip(transforms, translations, strict=True):
        moved, _ = project_depth(depth, T, sample.K, translation)
        still, _ = project_depth(depth, T, sample.K)
        flow = (moved - still).permute(0, 3, 1, 2)
        flows.append(flow * (flow.abs().sum(1, keepdim=True) >= STILL))
    return depth, flows, transforms


def things_in(
    moves: Mask,
    depth: np.ndarray,
    ground: np.ndarray,
    around: np.ndarray,
    rules: ObjectRules,
    objects: np.ndarray | None = None,
    slots: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Ids [H, W] (uint8) of what moves in a frame, and of what stands still.

    moves, depth [H, W]; ground, around [H, W] as `ground_mask` and `ground_around`; objects ids
    of all things [H, W], slots of what moves [H, W], if they are known. The ids of the latter go
    on after the former.
    """
    if objects is None:
        moving = components(moves, depth, ground, rules, slots)
        still = static_things(moves, depth, around, rules)
    else:
        moving, still = sorted_objects(objects, moves, ground, rules)
    still[still > 0] += moving.max()
    still[still >= IDS] = 0
    return moving.astype(np.uint8), still.astype(np.uint8)


def _learner(stage: Stage) -> DynamicRegions:
    """The method with the weights that the stage begins with.

    Raises MdepthError where these have no motion: that of one by chance would be no label.
    """
    from mdepth_training.methods.dynamic_regions.method import DynamicRegions

    model = stage.model_file
    if cast('DynamicRegionsSettings', stage.settings.method).motion == 'none':
        raise MdepthError(
            f'stage {stage.name} sees no motion with method.motion=none: set 2d or 3d, as the '
            'stage that learned it'
        )
    if model is None or not has_part(model, 'motion'):
        raise MdepthError(
            f'stage {stage.name}: {model or "no model"} has no motion beside it: set its `model` '
            'to a stage of kind fit with method.name=dynamic_regions'
        )
    network, _ = load_model(model)
    learner = DynamicRegions(stage.experiment, network=network)
    learner.load_parts(model)
    return learner.to(choose_device('auto')).eval()
