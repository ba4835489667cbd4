# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network learns what things look like from those that were found, and finds more (1.3).

Found are at first those that move. What it says of all frames is what the next round learns from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor

from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind
from mdepth_training.methods.dynamic_regions.credible import credible_things
from mdepth_training.methods.dynamic_regions.ground import ground_around, ground_mask
from mdepth_training.methods.dynamic_regions.instance_network import (
    SHRINK,
    InstanceNetwork,
    instance_loss,
    instances_of,
)
from mdepth_training.methods.dynamic_regions.part import LearnPart, learned
from mdepth_training.methods.dynamic_regions.settings import InstanceSettings
from mdepth_training.methods.dynamic_regions.things import require_some
from mdepth_training.stages import LabelMaker, Stage

PERHAPS = 0.3
"""Probability from which on a pixel that is of no thing may be of one."""


def instance_maker(stage: Stage) -> LabelMaker:
    """Labels of all things that the network of the stage's model sees."""
    learner, size = learned(stage, LearnInstances), stage.experiment.input_size
    least = cast('InstanceSettings', stage.settings.method).least_score
    kinds = {
        'objects': Kind('ids', size, dtype='uint8', description='things, moving or not'),
        'unsure': Kind('mask', size, description='perhaps things: the next round skips them'),
    }

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        depth = sample.labels['scene_depth'].float()
        logit, offset = learner.said(sample.current, depth)
        probability = logit[:, 0].sigmoid().cpu().numpy()
        pairs = zip(probability, offset.cpu().numpy(), strict=True)
        found = np.stack([instances_of(p, o, least) for p, o in pairs])
        unsure = (probability > PERHAPS) & (found == 0)
        found, unsure = (a.repeat(SHRINK, 1).repeat(SHRINK, 2) for a in (found, unsure))
        ground = ground_around(ground_mask(depth[:, 0], sample.K), depth[:, 0], sample.K)
        seen = zip(found, *(x.cpu().numpy() for x in (depth[:, 0], ground, sample.K)), strict=True)
        found = np.stack(
            [credible_things(ids, None, d, g & (ids == 0), K) for ids, d, g, K in seen]
        )
        return {
            name: torch.from_numpy(one)[:, None]
            for name, one in zip(kinds, (found, unsure), strict=True)
        }

    return LabelMaker(kinds, maps, ('scene_depth',))


class LearnInstances(LearnPart):
    """The joint network as it is, and the network of instances on its encoder, which learns."""

    settings: InstanceSettings
    part = 'instances'
    columns = ('thing_share', 'agreement')
    progress = {'agreement': 'agreement'}  # noqa: RUF012
    makers = {'instances': instance_maker}  # noqa: RUF012

    def prepare(self) -> None:
        """Add the network of the instances."""
        super().prepare()
        self.instances = InstanceNetwork(self.network.depth_encoder.channels)

    def describe(self) -> tuple[str, dict[str, str]]:
        """Say what it is."""
        return 'instances (Mining Supervision, 1.3), and the network of the scene', {}

    def said(self, image: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Of images [B, 3, H, W] in 0..1 and depths [B, 1, H, W], as `InstanceNetwork`."""
        with torch.no_grad():
            features = self.network.features(image)
        said: tuple[Tensor, Tensor] = self.instances(features, depth)
        return said

    def loss(self, sample: Sample, jittered: Sample, *_: Tensor) -> Tensor:
        """Against what was found; pixels that may be of a thing do not count."""
        ids, unsure = (sample.labels[name] for name in self.settings.labels[1:])
        self.look_at(ids)
        said = self.said(jittered.current, sample.labels['scene_depth'].float())
        with torch.autocast(self.device.type, enabled=False):
            unsure = (unsure > 0) & (ids == 0)
            loss = instance_loss(said, ids, unsure, self.settings.found_weight)
        probability = said[0].detach().sigmoid()
        thing = torch.nn.functional.interpolate((ids > 0).float(), probability.shape[-2:])
        if self.watched:
            agrees = ((probability > 0.5) == (thing > 0)).float().mean()
            self.log({'thing_share': thing.mean(), 'agreement': agrees})
        if self.pictured:
            large = torch.nn.functional.interpolate(probability, scale_factor=SHRINK)
            self.pictures = {'image': sample.current, 'things': large}
        return loss

    def if_nothing(self) -> None:
        """Raise MdepthError where nothing was found in any frame."""
        mend = 'give data with traffic, or a scene stage that learned longer'
        require_some(self.experiment.data.labels, self.settings.labels[1], mend)
