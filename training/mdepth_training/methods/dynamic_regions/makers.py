# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The labels that the method makes: what the scene stage sees, and depth labels of what moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mdepth_ros.core.machine import choose_device
from mdepth_ros.geometry import project_depth
from mdepth_ros.model.file import load_model
from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind
from mdepth_training.methods.dynamic_regions.contact import contact_depth, depth_label
from mdepth_training.methods.dynamic_regions.ground import ground_mask
from mdepth_training.methods.dynamic_regions.objects import (
    ObjectRules,
    components,
    dynamic_mask,
)
from mdepth_training.stages import LabelMaker

if TYPE_CHECKING:
    from mdepth_training.methods.dynamic_regions.method import DynamicRegions
    from mdepth_training.stages import Stage

STILL = 0.01
"""Own motion in pixels below which a pixel stands still (the authors' code)."""


def scene_maker(stage: Stage) -> LabelMaker:
    """Depth of the scene, and each pixel's own motion to the previous and the following frame."""
    learner, size = _learner(stage), stage.experiment.input_size
    kinds = {
        'scene_depth': Kind('depth', size, description='network units, as the scene stage has it'),
        'flow_previous': Kind('flow', size, description='own motion to the previous frame'),
        'flow_following': Kind('flow', size, description='own motion to the following frame'),
    }

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        depth, flows = scene_of(learner, sample)
        return {
            'scene_depth': depth[:, None],
            'flow_previous': flows[0],
            'flow_following': flows[1],
        }

    return LabelMaker(kinds, maps)


def label_maker(stage: Stage) -> LabelMaker:
    """Depth of what moves, from the ground that it stands on (closed form)."""
    size = stage.experiment.input_size
    kinds = {
        'depth_label': Kind('depth', size, description='Eq. 5: scene depth, things at their own'),
        'dynamic': Kind('mask', size, description='things that move'),
        'instances': Kind('ids', size, dtype='uint8', description='things that move'),
    }
    reads = ('scene_depth', 'flow_previous', 'flow_following')

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        labels = {name: sample.labels[name].float().cpu() for name in reads}
        depth = labels['scene_depth'][:, 0]
        grounds = ground_mask(depth, sample.K.cpu()).numpy()
        flows = torch.stack([labels['flow_previous'], labels['flow_following']], 1).numpy()
        label, instances = torch.empty_like(depth), torch.zeros_like(depth, dtype=torch.uint8)
        for i, frame in enumerate(zip(depth.numpy(), flows, grounds, strict=True)):
            of_frame, things = labels_of(*frame)
            label[i], instances[i] = torch.from_numpy(of_frame), torch.from_numpy(things)
        return {
            'depth_label': label[:, None],
            'dynamic': instances[:, None] > 0,
            'instances': instances[:, None],
        }

    return LabelMaker(kinds, maps, reads)


def scene_of(learner: DynamicRegions, sample: Sample) -> tuple[Tensor, list[Tensor]]:
    """Depth [B, H, W] of a batch, and the own motions, two flows [B, 2, H, W] in pixels."""
    network = learner.network
    disparities, pose = network(sample.previous, sample.current)
    ahead = network.pose(sample.current, sample.following)
    s, transforms = learner.in_camera(sample, pose, ahead)
    depth = network.depth(disparities[0].float())[:, 0] * s[:, None, None]
    flows = []
    translations = learner.own_motions(sample, depth, transforms)
    for T, translation in zip(transforms, translations, strict=True):
        moved, _ = project_depth(depth, T, sample.K, translation)
        still, _ = project_depth(depth, T, sample.K)
        flow = (moved - still).permute(0, 3, 1, 2)
        flows.append(flow * (flow.abs().sum(1, keepdim=True) >= STILL))
    return depth, flows


def labels_of(
    depth: np.ndarray, flows: np.ndarray, ground: np.ndarray, rules: ObjectRules | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The label (Eq. 5) and the instances [H, W] of one frame, the latter with a label each."""
    rules = rules or ObjectRules()
    moves = dynamic_mask(flows, rules.least_flow)
    instances = components(moves, depth, ground, rules)
    numbers = range(1, int(instances.max()) + 1)
    scales = {n: contact_depth(instances == n, depth, ground) for n in numbers}
    for number, scale in scales.items():
        if not np.isfinite(scale):  # no ground is seen below it: it teaches nothing
            instances[instances == number] = 0
    return depth_label(depth, instances, scales, None), instances


def _learner(stage: Stage) -> DynamicRegions:
    """The method with the weights that the stage begins with."""
    from mdepth_training.methods.dynamic_regions.method import DynamicRegions

    assert stage.model_file is not None
    network, _ = load_model(stage.model_file)
    learner = DynamicRegions(stage.experiment, network=network)
    learner.load_parts(stage.model_file)
    return learner.to(choose_device('auto')).eval()
