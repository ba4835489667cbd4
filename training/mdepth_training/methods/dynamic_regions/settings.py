# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of Mining Supervision for Dynamic Regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings
from mdepth_training.settings import setting

if TYPE_CHECKING:
    from mdepth_training.methods.dynamic_regions.method import DynamicRegions


@dataclass(frozen=True)
class DynamicRegionsSettings(ImplicitCuesSettings):
    """The joint network of Implicit Cues, with a motion of every pixel and depth labels."""

    name: str = setting('dynamic_regions', 'the method')
    motion: Literal['none', '2d', '3d'] = setting(
        '3d',
        'what a pixel may move by itself: nothing, a shift of the image (2d, the code of the '
        'authors), or a translation (3d, the paper)',
    )
    motion_from: int = setting(
        1000, 'before this step the depth and the pose learn alone, from it on the motion alone', 0
    )
    together_from: int = setting(2000, 'from this step on all of them learn together', 0)
    motion_iterations: int = setting(1, 'updates of the motion network, 1 in the code', 1, 12)
    sparsity: float = setting(0.02, 'weight of the sparsity of the motion', 0, 1e3)
    label_weight: float = setting(
        0.0, 'weight of the depth labels of what moves, 0.1 in the paper; 0: no labels', 0, 1e3
    )

    @staticmethod
    def learner() -> type[DynamicRegions]:
        """Return the method itself."""
        from mdepth_training.methods.dynamic_regions.method import DynamicRegions

        return DynamicRegions

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the last stage reads: the label, and where something moves."""
        return ('depth_label', 'dynamic') if self.label_weight else ()

    @property
    def stages(self) -> dict[str, int]:
        """Cues join; the motion learns alone; all learn together."""
        starts = super().stages
        if self.motion != 'none':
            starts |= {'motion_from': self.motion_from, 'together_from': self.together_from}
        return starts
