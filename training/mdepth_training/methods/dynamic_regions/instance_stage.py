# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network learns what things look like from those that were found, and finds more (1.3).

Found are at first those that move. What it says of all frames is what the next round learns from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind
from mdepth_training.methods.dynamic_regions.credible import credible_things
from mdepth_training.methods.dynamic_regions.detector import make_detector
from mdepth_training.methods.dynamic_regions.ground import ground_around, ground_mask
from mdepth_training.methods.dynamic_regions.part import LearnPart, learned
from mdepth_training.methods.dynamic_regions.part_settings import InstanceSettings
from mdepth_training.methods.dynamic_regions.sharpen import sharpened
from mdepth_training.methods.dynamic_regions.things import require_some
from mdepth_training.stages import LabelMaker, Stage

PERHAPS = 0.3
"""Probability from which on a pixel that is of no thing may be of one."""


def instance_maker(stage: Stage) -> LabelMaker:
    """Labels of all things that the network of the stage's model sees."""
    learner, size = learned(stage, LearnInstances), stage.experiment.input_size
    settings = cast('InstanceSettings', stage.settings.method)
    kinds = {
        'objects': Kind('ids', size, dtype='uint8', description='things, moving or not'),
        'unsure': Kind(
            'mask', size, description='perhaps things: they count little in the next round'
        ),
    }

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        depth = sample.labels['scene_depth'].float()
        looked_at = learner.seen(sample.current, sample)
        said, probability = learner.instances.found(looked_at, settings.least_score)
        if settings.sharpen:
            images = (255 * sample.current).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            said = np.stack([sharpened(*one) for one in zip(said, images, strict=True)])
        unsure = (probability > PERHAPS) & (said == 0)
        ground = ground_around(ground_mask(depth[:, 0], sample.K), depth[:, 0], sample.K)
        seen = zip(said, *(x.cpu().numpy() for x in (depth[:, 0], ground, sample.K)), strict=True)
        found = np.stack(
            [credible_things(ids, None, d, g & (ids == 0), K) for ids, d, g, K in seen]
        )
        return {
            name: torch.from_numpy(one)[:, None]
            for name, one in zip(kinds, (found, unsure), strict=True)
        }

    return LabelMaker(kinds, maps, ('scene_depth', *settings.labels[3:]))


class LearnInstances(LearnPart):
    """The joint network as it is, and the network of instances, which learns."""

    settings: InstanceSettings
    part = 'instances'
    columns = ('thing_share', 'agreement')
    progress = {'agreement': 'agreement'}  # noqa: RUF012
    makers = {'instances': instance_maker}  # noqa: RUF012

    def prepare(self) -> None:
        """Add the network of the instances."""
        super().prepare()
        size = self.experiment.input_size
        self.instances = make_detector(self.settings, self.network, size)

    def describe(self) -> tuple[str, dict[str, str]]:
        """Say what it is."""
        what = f'instances (Mining Supervision, 1.3; {self.settings.detector})'
        return f'{what}, and the network of the scene', {}

    def seen(self, image: Tensor, sample: Sample) -> Any:
        """What the network of the instances looks at: an image [B, 3, H, W] of the sample."""
        return self.instances.seen(self.network, image, sample)

    def loss(self, sample: Sample, jittered: Sample, *_: Tensor) -> Tensor:
        """Against what was found; pixels that may be of a thing count little."""
        ids, unsure = (sample.labels[name] for name in self.settings.labels[1:3])
        self.look_at(ids)
        seen = self.seen(jittered.current, sample)
        loss = self.instances.loss(seen, ids, (unsure > 0) & (ids == 0))
        if self.watched or self.pictured:
            found = self.instances.found(seen, self.settings.least_score)[1]
            probability = torch.from_numpy(found).to(self.device)[:, None]
            agrees = ((probability > 0.5) == (ids > 0)).float().mean()
            self.log({'thing_share': (ids > 0).float().mean(), 'agreement': agrees})
            self.pictures = {'image': sample.current, 'things': probability}
        return loss

    def if_nothing(self) -> None:
        """Raise MdepthError where nothing was found in any frame."""
        mend = 'give data with traffic, or a scene stage that learned longer'
        require_some(self.experiment.data.labels, self.settings.labels[1], mend)
