# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of self-distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mdepth_training.methods.dynamic_regions.settings import DynamicRegionsSettings
from mdepth_training.settings import setting

if TYPE_CHECKING:
    from mdepth_training.methods.self_distillation.method import SelfDistillation


@dataclass(frozen=True)
class SelfDistillationSettings(DynamicRegionsSettings):
    """SS-MDE, a reconstruction: only the abstract is public, numbers and forms are ours.

    The labels of dynamic regions can be learned from beside it (label_weight, scene_weight).
    """

    name: str = setting('self_distillation', 'the method, a reconstruction of SS-MDE')
    motion: Literal['none', '2d', '3d'] = setting('none', 'what a pixel may move by itself')
    geometry_consistency: float = setting(
        0.1, 'weight of the disagreement of the depths of two frames; SC-DepthV3: 0.1', 0, 1e3
    )
    self_discovered_mask: bool = setting(
        True, 'each pixel counts less where the depths of two frames disagree (SC-Depth)'
    )
    pseudo: Literal['depth', 'disparity', 'none'] = setting(
        'depth',
        'what it learns where nothing moves: the labels pseudo_depth, or pseudo_disparity (larger '
        'is nearer), each up to scale and shift; none: nothing',
    )
    alignment: Literal['robust', 'least_squares'] = setting(
        'robust',
        'how a pseudo-depth is brought to the scale of the depth, for each image: their ranges '
        'become equal (robust), or by least squares',
    )
    pseudo_weight: float = setting(
        1.0, 'weight of all terms of the pseudo-depth, before anything is forgotten', 0, 1e3
    )
    pseudo_log_depth: float = setting(0.5, 'weight of the difference of log depths', 0, 1e3)
    pseudo_normals: float = setting(
        0.0, 'weight of the difference of normals; SC-DepthV3: 0.1', 0, 1e3
    )
    pseudo_edges: float = setting(
        0.0,
        'weight of the difference of angles across edges of image and normals; SC-DepthV3: 0.1',
        0,
        1e3,
    )
    pseudo_ranking: float = setting(
        0.0,
        'weight of which of two pixels is farther, also of what moves; SC-DepthV3: 0.1',
        0,
        1e3,
    )
    forgetting: Literal['exponential', 'linear', 'cosine', 'step', 'none'] = setting(
        'exponential', 'how `pseudo_weight` falls in the run'
    )
    forgetting_target: float = setting(
        0.1, 'share of `pseudo_weight` that is left at `forgetting_at`', 1e-6, 1
    )
    forgetting_at: float = setting(0.6, 'share of the run at which so much is left', 1e-3, 1)
    mask_filter: Literal['rule', 'learned', 'none'] = setting(
        'rule',
        'what tells standing from moving pixels: how far the views agree (rule), three '
        'convolutions that begin with it (learned), or nothing: all stand',
    )
    moving_quantile: float = setting(
        0.2, 'share of the pixels of an image that is taken as moving: the least agreed', 0, 0.9
    )
    teacher: Literal['none', 'frozen', 'ema'] = setting(
        'none',
        'whose depth is learned where things move: a model that stays as it is (frozen), or the '
        'running mean of the weights that learn (ema)',
    )
    teacher_model: str = setting(
        '', 'the file of a frozen teacher; `teacher` of a stage in a recipe sets it'
    )
    teacher_momentum: float = setting(0.999, 'ema: share of the mean that each step keeps', 0, 1)
    teacher_cues: bool = setting(False, 'whether the teacher gets its cues; else one image')
    distillation: float = setting(0.1, 'weight of what the teacher says', 0, 1e3)
    static_distillation: float = setting(
        0.1, 'what a standing pixel counts for in it; a moving one 1', 0, 1
    )
    distillation_ramp: float = setting(
        0.1, 'share of the run in which this weight rises from nothing', 0, 1
    )
    pose_until: float = setting(
        1.0, 'share of the run after which motion encoder and pose decoder rest; 1: never', 0, 1
    )

    @staticmethod
    def learner() -> type[SelfDistillation]:  # type: ignore[override]
        """Return the method itself."""
        from mdepth_training.methods.self_distillation.method import SelfDistillation

        return SelfDistillation

    @property
    def pseudo_label(self) -> str:
        """The label that the pseudo-depth is, '' for none."""
        return '' if self.pseudo == 'none' else f'pseudo_{self.pseudo}'

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The pseudo-depth, and the labels of dynamic regions where they have a weight."""
        own = (self.pseudo_label,) if self.pseudo_label else ()
        return (*own, *super().labels)

    @property
    def compares_depths(self) -> bool:
        """The mask filter asks the depths of all views."""
        return self.mask_filter != 'none' or super().compares_depths
