# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of Implicit Cues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mdepth_training.methods.view_synthesis import ViewSynthesis
from mdepth_training.settings import setting

if TYPE_CHECKING:
    from mdepth_training.methods.implicit_cues.method import ImplicitCues


@dataclass(frozen=True)
class ImplicitCuesSettings(ViewSynthesis):
    """View synthesis, and what belongs to the cues and the two stages."""

    name: str = setting('implicit_cues', 'the method; the settings below are those of this one')
    joint_from: int = setting(
        2000,
        'before this step (with `epochs`: epoch) the baseline learns with HAM alone, from it on '
        'everything with IDCE',
        0,
    )
    constant_velocity: float = setting(
        0.0, 'weight of the change of translation between the two pairs, from `joint_from` on', 0
    )
    duplicated: float = setting(0.15, 'share of the samples that see their frame twice', 0, 1)
    dropped_cues: float = setting(0.15, 'share of the samples that get no cues', 0, 1)

    renamed: ClassVar[Mapping[str, str]] = {'steady_motion': 'constant_velocity'}

    @staticmethod
    def learner() -> type[ImplicitCues]:
        """Return the method itself."""
        from mdepth_training.methods.implicit_cues.method import ImplicitCues

        return ImplicitCues

    @property
    def stages(self) -> dict[str, int]:
        """IDCE joins in the second."""
        return {'joint_from': self.joint_from}
