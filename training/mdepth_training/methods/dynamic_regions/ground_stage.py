# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network learns the ground from the closed form, and then from itself too (1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.networks import JointDepthPose
from mdepth_training.config import Experiment
from mdepth_training.data.sample import Sample
from mdepth_training.labels import Kind, LabelStore
from mdepth_training.losses import smoothness_between_edges
from mdepth_training.methods.dynamic_regions.ground import CERTAIN, ground_mask
from mdepth_training.methods.dynamic_regions.ground_network import (
    GroundNetwork,
    ground_inputs,
    thirds_loss,
)
from mdepth_training.methods.dynamic_regions.part import LearnPart, learned
from mdepth_training.methods.dynamic_regions.settings import GroundNetworkSettings
from mdepth_training.optimiser import Timetable
from mdepth_training.stages import LabelMaker, Stage


def ground_maker(stage: Stage) -> LabelMaker:
    """Labels of what the network of the stage's model says."""
    learner = learned(stage, LearnGround)
    description = f'probability of ground, {CERTAIN} is 1'
    kind = Kind('value', stage.experiment.input_size, dtype='uint8', description=description)

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        inputs = ground_inputs(sample.current, sample.labels['scene_depth'].float())
        probability = learner.ground(inputs).float().sigmoid()
        return {'ground_probability': (CERTAIN * probability).round().byte()}

    return LabelMaker({'ground_probability': kind}, maps, ('scene_depth',))


class LearnGround(LearnPart):
    """The joint network as it is, and the network of the ground, which learns."""

    settings: GroundNetworkSettings
    part = 'ground'
    columns = ('ground_share', 'agreement')
    progress = {'agreement': 'agreement'}  # noqa: RUF012
    makers = {'ground': ground_maker}  # noqa: RUF012
    seen_any = False

    def __init__(
        self,
        experiment: Experiment,
        timetable: Timetable | None = None,
        network: JointDepthPose | None = None,
    ) -> None:
        super().__init__(experiment, timetable, network)
        self.ground = GroundNetwork(self.settings.ground_channels).to(memory_format=self.layout)  # type: ignore[call-overload]

    def describe(self) -> tuple[str, dict[str, str]]:
        """Say what it is."""
        return 'the ground (Mining Supervision, 1.2), and the network of the scene', {}

    def loss(self, sample: Sample, jittered: Sample, *_: Tensor) -> Tensor:
        """Against the closed form, and smooth; later against itself too, and less against that."""
        settings, depth = self.settings, sample.labels['scene_depth'].float()
        label = ground_mask(depth[:, 0], sample.K)[:, None].float()
        if not self.seen_any and not label.any():
            require_ground(self.experiment)
        self.seen_any = True
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


def require_ground(experiment: Experiment) -> None:
    """Raise MdepthError where the closed form sees ground in no frame of the label stores."""
    opened = [LabelStore.open(Path(path).expanduser()) for path in experiment.data.labels]
    store = next(store for store in opened if 'scene_depth' in store.kinds)
    for drive in store.drives():
        for key in store.keys(drive.name):
            depth = torch.from_numpy(store.read(key, ['scene_depth'])['scene_depth']).float()
            height, width = depth.shape[-2:]
            camera = Camera.from_normalised(width, height, *(drive.view or experiment.camera))
            if ground_mask(depth, camera.matrix()[None].float()).any():
                return
    raise MdepthError(
        f'no ground is seen in any frame of {store.path}: leave this stage out (things then find '
        'nothing that stands either), or give a scene stage that learned longer'
    )
