# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of the stages that learn a part beside the joint network: ground, things, slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mdepth_training.methods.dynamic_regions.settings import LaterSettings
from mdepth_training.settings import setting

if TYPE_CHECKING:
    from mdepth_training.methods.dynamic_regions.ground_stage import LearnGround
    from mdepth_training.methods.dynamic_regions.instance_stage import LearnInstances
    from mdepth_training.methods.dynamic_regions.slot_stage import LearnSlots


@dataclass(frozen=True)
class GroundNetworkSettings(LaterSettings):
    """The ground, learned from the closed form (Mining Supervision, 1.2).

    Shares are of the steps of the run; the defaults are the authors' steps of their 87,000.
    """

    name: str = setting('ground_network', 'the method')
    smoothness: float = setting(2.0, 'weight of the smoothness of the ground', 0, 1e3)
    ground_channels: int = setting(
        64, 'features of the first layers, the last has twice as many', 1, 1024
    )
    thirds: float = setting(
        0.5, 'weight of what the network says itself of the lower two thirds of the image', 0, 1e3
    )
    thirds_rise: tuple[float, float] = setting(
        (0.2, 0.26), 'shares of the run between which this weight rises'
    )
    label_left: float = setting(
        0.25, 'what is left at the end of the weight of the closed form', 0, 1
    )
    label_fall: tuple[float, float] = setting(
        (0.52, 0.57), 'shares of the run between which this weight falls'
    )

    @staticmethod
    def learner() -> type[LearnGround]:  # type: ignore[override]
        """Return the method itself."""
        from mdepth_training.methods.dynamic_regions.ground_stage import LearnGround

        return LearnGround

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The depth that the closed form is of."""
        return ('scene_depth',)


@dataclass(frozen=True)
class InstanceSettings(LaterSettings):
    """What things look like, in rounds (Mining Supervision, 1.3)."""

    name: str = setting('dynamic_instances', 'the method')
    found: Literal['instances', 'objects'] = setting(
        'instances',
        'what it learns from: what moves, where all that is as low as things are may be one too '
        '(instances, the first round), or what the round before says (objects)',
    )
    found_weight: float = setting(
        1.0, 'own: pixels of no thing that one of a thing counts as in the loss', 0.01, 1e3
    )
    unsure_weight: float = setting(
        0.05,
        'own: what a pixel counts as that may be of a thing nobody found, beside one of no thing; '
        '0: nothing is learned there',
        0,
        1,
    )
    sharpen: bool = setting(
        True, 'labels: let things end at edges of colour (GrabCut), not where the network does'
    )
    least_score: float = setting(
        0.6,
        'labels: mean probability from which on a thing counts, mask_rcnn: its score; the code '
        'rises 0.5 to 0.7',
        0,
        1,
    )
    detector: Literal['own', 'mask_rcnn'] = setting(
        'own',
        'the network: pixels that point at the middle of their thing (own), or Mask R-CNN (the '
        "paper), which needs torchvision: pip install 'mdepth-training[torchvision]'",
    )
    detector_encoder: Literal['resnet18', 'resnet50'] = setting(
        'resnet18', 'mask_rcnn: its ResNet, with a feature pyramid'
    )
    detector_channels: int = setting(
        64,
        'mask_rcnn: features of the pyramid and of what reads it; 256 in the paper',
        8,
        1024,
    )
    detector_weights: str = setting(
        '',
        'mask_rcnn: a file with a ResNet of ImageNet to begin with, whose batch norms stay as '
        'they are; none: by chance, with group norms',
    )
    detector_ground: Literal['closed', 'label'] = setting(
        'closed',
        'mask_rcnn: the ground that it sees: closed form, or the label of a stage ground_network',
    )

    def learner(self) -> type[LearnInstances]:  # type: ignore[override]
        """Return the method itself; MdepthError where it needs what is not there."""
        from mdepth_training.methods.dynamic_regions.detector import require_inputs
        from mdepth_training.methods.dynamic_regions.instance_stage import LearnInstances

        require_inputs(self)
        return LearnInstances

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The depth, what was found, where nobody knows, and perhaps the ground."""
        sees_ground = self.detector == 'mask_rcnn' and self.detector_ground == 'label'
        return ('scene_depth', self.found, 'unsure', *['ground_probability'] * sees_ground)


@dataclass(frozen=True)
class SlotSettings(LaterSettings):
    """What moves, parted by slot attention (Mining Supervision, 1.1).

    Shares are of the steps of the run; the defaults are the authors' but for those of z.
    """

    name: str = setting('dynamic_slots', 'the method')
    slot_masks: Literal['attended', 'drawn'] = setting(
        'attended',
        'masks are where the slots looked at last (attended, ours: no decoder to learn), '
        'or what the decoder draws (drawn, the paper)',
    )
    slot_shrink: int = setting(
        2, 'the slots see motion and depth at the size of the image over this', 1, 16
    )
    slot_channels: int = setting(64, 'features of the convolutions', 1, 1024)
    still_weight: float = setting(
        0.05, 'weight of what slot 0 must be, what stands still; 0.005 in the code', 0, 1e3
    )
    still_from: float = setting(0.0, 'share of the run from which on this weight counts', 0, 1)
    empty_weight: float = setting(
        0.002, 'weight of the number of slots that have something', 0, 1e3
    )
    empty_rise: tuple[float, float] = setting(
        (0.5, 0.9),
        'shares of the run between which this weight rises, (0.06, 0.35) in the code; from the '
        'first on empty slots have no mask',
    )

    @staticmethod
    def learner() -> type[LearnSlots]:  # type: ignore[override]
        """Return the method itself."""
        from mdepth_training.methods.dynamic_regions.slot_stage import LearnSlots

        return LearnSlots

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the scene stage sees."""
        return ('scene_depth', 'flow_previous', 'flow_following')
