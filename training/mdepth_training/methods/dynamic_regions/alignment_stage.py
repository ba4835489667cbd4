# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DSA: how deep a thing is, learned from those that stand still (Eq. 15-16).

There the depth of the scene is right. What is learned is applied to what moves.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_training.data.sample import Sample
from mdepth_training.losses import masked_mean
from mdepth_training.methods.dynamic_regions.alignment import ScaleAlignment, normalised, shapes
from mdepth_training.methods.dynamic_regions.part import LearnPart
from mdepth_training.methods.dynamic_regions.settings import ScaleAlignmentSettings
from mdepth_training.methods.dynamic_regions.things import Things, require_things, things_of

HUBER = 0.005
NOTHING = (
    'nothing that stands still can be learned from: leave this stage out and set '
    'method.scale=contact (the closed form), or lower method.least_area'
)


class AlignScale(LearnPart):
    """The network of the object stage as it is, and the scale alignment, which learns."""

    settings: ScaleAlignmentSettings
    part = 'alignment'
    columns = ('things', 'log_scale_error')
    progress = {'error': 'log_scale_error'}  # noqa: RUF012

    def prepare(self) -> None:
        """Add the scale alignment."""
        super().prepare()
        config = self.network.config
        self.alignment = ScaleAlignment(config.encoder, config.width)

    def describe(self) -> tuple[str, dict[str, str]]:
        """Say what it is."""
        return 'scale alignment (Mining Supervision, DSA), and the network of the shapes', {
            'shape': self.settings.shape
        }

    def loss(self, sample: Sample, jittered: Sample, *_: Tensor) -> Tensor:
        """Eq. 16 of one thing of each frame, or of all."""
        return self._loss(sample, jittered, self.settings.things)

    def validation_loss(self, sample: Sample) -> Tensor:
        """Eq. 16 of all things that stand still."""
        return self._loss(sample, sample, 'all')

    def _loss(self, sample: Sample, jittered: Sample, how: str) -> Tensor:
        things = self._things(sample, how)
        places, mask = things.places, things.current[:, 0]
        depth = sample.labels['scene_depth'].float()[places, 0]
        ground = sample.labels['ground'][places, 0] > 0
        with torch.no_grad():
            alone = things.images(sample)
            own = shapes(self.settings.shape, self.network, alone.previous, alone.current, depth)
        scale = self.alignment.scale(jittered.current[places], mask, own, depth, ground)
        own = normalised(own, mask).where(mask, 1.0)
        if self.watched:
            mean = depth.where(mask, 0.0).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
            off = (scale / mean.clamp(min=1e-6)).log().abs().detach()
            there = (things.ids > 0).float()
            self.log({'things': there.sum(), 'log_scale_error': masked_mean(off, there)})
        return alignment_loss(scale, own, depth, mask, self.settings.alignment_loss)

    def _things(self, sample: Sample, how: str) -> Things:
        labels, least = sample.labels, self.settings.least_area
        ids = [labels[name] for name in self.settings.thing_labels]
        things = things_of(ids[0], ids[1], ids[2], least, how)
        self.look_at(things.ids)
        return things

    def if_nothing(self) -> None:
        """Raise MdepthError where no frame has a thing that stands still."""
        settings, stores = self.settings, self.experiment.data.labels
        require_things(stores, settings.thing_labels, settings.least_area, NOTHING)


def alignment_loss(scale: Tensor, own: Tensor, depth: Tensor, mask: Tensor, how: str) -> Tensor:
    """Eq. 16: scale times own depth against the depth of the scene, the mean over things.

    scale [N]; own, depth [N, H, W]; mask bool [N, H, W]. how: log or huber
    (ScaleAlignmentSettings). A thing with an empty mask is 0.
    """
    said, there = scale[:, None, None] * own, depth.where(mask, 1.0)
    if how == 'log':
        off = (said.clamp(min=1e-6).log() - there.log()).abs()
    else:
        off = functional.huber_loss(said, there, reduction='none', delta=HUBER)
    of_thing: Tensor = off.where(mask, 0.0).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
    return of_thing.mean()
