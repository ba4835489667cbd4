# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Slots learn to part what moves by the way it moves, without any label (1.1)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind, StoredDrive
from mdepth_training.methods.dynamic_regions.objects import dynamic_mask
from mdepth_training.methods.dynamic_regions.part import LearnPart, learned
from mdepth_training.methods.dynamic_regions.part_settings import SlotSettings
from mdepth_training.methods.dynamic_regions.slot_network import (
    Seen,
    SlotNetwork,
    SlotWeights,
    slot_inputs,
    slot_loss,
    slot_noise,
    slots_of,
)
from mdepth_training.methods.dynamic_regions.things import Maps, without
from mdepth_training.stages import LabelMaker, Stage

FLOWS = ('flow_previous', 'flow_following')


def slot_maker(stage: Stage) -> LabelMaker:
    """Labels of the slot that each pixel is of, by its motion to the previous frame."""
    learner, size = learned(stage, LearnSlots), stage.experiment.input_size
    kinds = {'slots': Kind('ids', size, dtype='uint8', description='slots of what moves')}

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        seen, _, _ = learner.seen(sample, FLOWS[:1])
        masks = functional.interpolate(seen.masks, size, mode='bilinear', align_corners=False)
        return {'slots': slots_of(masks, seen.z)}

    return LabelMaker(kinds, maps, ('scene_depth', *FLOWS))


class LearnSlots(LearnPart):
    """The joint network as it is, and the network of the slots, which learns."""

    settings: SlotSettings
    part = 'slots'
    columns = ('moving_share', 'agreement', 'filled')
    progress = {'agreement': 'agreement', 'filled': 'filled'}  # noqa: RUF012
    makers = {'slots': slot_maker}  # noqa: RUF012

    def prepare(self) -> None:
        """Add the network of the slots."""
        super().prepare()
        self.slots = SlotNetwork(self.settings.slot_channels, self.settings.slot_masks)

    def describe(self) -> tuple[str, dict[str, str]]:
        """Say what it is."""
        what = f'slots (Mining Supervision, 1.1; masks {self.settings.slot_masks})'
        return f'{what}, and the network of the scene', {}

    def seen(self, sample: Sample, flows: tuple[str, ...]) -> tuple[Seen, Tensor, Tensor]:
        """What the slots see of these flows, one after the other: F B inputs.

        Returns it, the inputs [F B, 4, h, w], and the share that stands still [F B, 1, h, w].
        """
        given = {name: sample.labels[name].float() for name in ('scene_depth', *FLOWS)}
        both = torch.stack([given[name] for name in FLOWS], 1).cpu().numpy()
        found = [torch.from_numpy(dynamic_mask(f, self.settings.least_motion)) for f in both]
        moves = torch.stack(found)[:, None].to(self.device)
        shrink = self.settings.slot_shrink
        inputs = torch.cat(
            [slot_inputs(given[name], given['scene_depth'], moves, shrink) for name in flows]
        )
        still = functional.avg_pool2d(1 - moves.float(), shrink).repeat(len(flows), 1, 1, 1)
        if self.training:
            noise = slot_noise(len(inputs))
        else:  # the same for every frame: labels are made twice alike
            noise = slot_noise(1, torch.Generator().manual_seed(0)).expand(len(inputs), -1, -1)
        return self.slots(inputs, noise.to(inputs)), inputs, still

    def weights(self) -> SlotWeights:
        """Of the losses in this step: the phases are shares of the run."""
        settings = self.settings
        begun = self.step >= settings.still_from * self.timetable.steps
        rise = self.progress_between(settings.empty_rise)
        return SlotWeights(
            still=settings.still_weight * begun,
            blank=float(begun),
            empty=settings.empty_weight * rise,
            surely=rise > 0,
        )

    def loss(self, sample: Sample, jittered: Sample, *_: Tensor) -> Tensor:
        """What the slots draw against motion and depth, to both neighbours."""
        with torch.autocast(self.device.type, enabled=False):
            seen, inputs, still = self.seen(sample, FLOWS)
            self.look_at(1 - still)
            loss = slot_loss(seen, inputs, still, self.weights())
        if self.watched:
            agrees = (seen.masks[:, :1] > 0.5) == (still > 0.5)
            self.log({'moving_share': 1 - still.mean(), 'filled': seen.z.detach().mean()})
            self.log({'agreement': agrees.float().mean()})
        if self.pictured:
            enlarge = [sample.current.shape[-2], sample.current.shape[-1]]
            slots = functional.interpolate(slots_of(seen.masks, seen.z).float(), enlarge)
            motion = functional.interpolate((inputs[:, :3] + 1) / 2, enlarge)
            b = len(sample.current)
            self.pictures = {'image': sample.current, 'motion': motion[:b], 'slots': slots[:b]}
        return loss

    def if_nothing(self) -> None:
        """Raise MdepthError where nothing moves in any frame."""

        def moves(maps: Maps, _: StoredDrive) -> bool:
            flows = torch.stack([maps[name][0].float() for name in FLOWS]).numpy()
            return bool(dynamic_mask(flows, self.settings.least_motion).any())

        if (store := without(self.experiment.data.labels, FLOWS, moves)) is not None:
            raise MdepthError(
                f'nothing moves in any frame of {store}: give data with traffic, a scene stage '
                'that learned longer, or a smaller method.least_motion'
            )
