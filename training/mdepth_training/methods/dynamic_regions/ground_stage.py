# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network learns the ground from the closed form, and then from itself too (1.2)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind, StoredDrive
from mdepth_training.losses import smoothness_between_edges
from mdepth_training.methods.dynamic_regions.ground import CERTAIN, ground_mask
from mdepth_training.methods.dynamic_regions.ground_network import (
    GroundNetwork,
    ground_inputs,
    thirds_loss,
)
from mdepth_training.methods.dynamic_regions.part import LearnPart, learned
from mdepth_training.methods.dynamic_regions.part_settings import GroundNetworkSettings
from mdepth_training.methods.dynamic_regions.things import Maps, without
from mdepth_training.stages import LabelMaker, Stage

LEVELS = 15
"""Steps of a stored probability: more say nothing, and fill a disk. A half lies between two."""


def ground_maker(stage: Stage) -> LabelMaker:
    """Labels of what the network of the stage's model says."""
    learner = learned(stage, LearnGround)
    description = f'probability of ground in {LEVELS}ths, {CERTAIN} is 1'
    kind = Kind('value', stage.experiment.input_size, dtype='uint8', description=description)

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        inputs = ground_inputs(sample.current, sample.labels['scene_depth'].float())
        probability = learner.ground(inputs).float().sigmoid()
        levels = (LEVELS * probability).round()
        return {'ground_probability': (CERTAIN // LEVELS * levels).byte()}

    return LabelMaker({'ground_probability': kind}, maps, ('scene_depth',))


class LearnGround(LearnPart):
    """The joint network as it is, and the network of the ground, which learns."""

    settings: GroundNetworkSettings
    part = 'ground'
    columns = ('ground_share', 'agreement')
    progress = {'agreement': 'agreement'}  # noqa: RUF012
    makers = {'ground': ground_maker}  # noqa: RUF012

    def prepare(self) -> None:
        """Add the network of the ground."""
        super().prepare()
        self.ground = GroundNetwork(self.settings.ground_channels).to(memory_format=self.layout)  # type: ignore[call-overload]

    def describe(self) -> tuple[str, dict[str, str]]:
        """Say what it is."""
        return 'the ground (Mining Supervision, 1.2), and the network of the scene', {}

    def loss(self, sample: Sample, jittered: Sample, *_: Tensor) -> Tensor:
        """Against the closed form, and smooth; later against itself too, and less against that."""
        settings, depth = self.settings, sample.labels['scene_depth'].float()
        label = ground_mask(depth[:, 0], sample.K)[:, None].float()
        self.look_at(label)
        inputs = ground_inputs(jittered.current, depth)
        logits = self.ground(inputs).float()
        probability, clean = logits.sigmoid(), ground_inputs(sample.current, depth)
        smooth = settings.smoothness * smoothness_between_edges(probability, clean)
        less = (1 - settings.label_left) * self.progress_between(settings.label_fall)
        loss = (1 - less) * (cross_entropy(logits, label) + smooth)
        if weight := settings.thirds * self.progress_between(settings.thirds_rise):
            loss = loss + weight * thirds_loss(self.ground, inputs, logits, label)
        if self.watched:
            agrees = (logits > 0) == (label > 0)
            self.log({'ground_share': label.mean(), 'agreement': agrees.float().mean()})
        if self.pictured:
            self.pictures = {'image': sample.current, 'ground': probability.detach()}
        return loss

    def if_nothing(self) -> None:
        """Raise MdepthError where the closed form sees ground in no frame."""

        def is_seen(maps: Maps, drive: StoredDrive) -> bool:
            depth = maps['scene_depth'][:, 0].float()
            height, width = depth.shape[-2:]
            camera = Camera.from_normalised(width, height, *(drive.view or self.experiment.camera))
            return bool(ground_mask(depth, camera.matrix()[None].float()).any())

        stores = self.experiment.data.labels
        if (store := without(stores, ['scene_depth'], is_seen)) is not None:
            raise MdepthError(
                f'no ground is seen in any frame of {store}: leave this stage out (things then '
                'find nothing that stands either), or give a scene stage that learned longer'
            )
