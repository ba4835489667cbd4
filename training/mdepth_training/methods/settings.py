# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of a method: what is known of it before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mdepth_training.settings import setting

if TYPE_CHECKING:
    from mdepth_training.methods.method import Method


@dataclass(frozen=True)
class MethodSettings:
    """The block `method` of an experiment; each method adds its own settings.

    labels  names of the label maps that it reads from each sample
    """

    name: str = setting('', 'the method')
    labels: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def learner() -> type[Method]:
        """Return the class of the method; it is imported here, because that takes seconds."""
        raise NotImplementedError

    @property
    def stereo(self) -> bool:
        """Whether it learns from stereo pairs."""
        return False

    @property
    def known_unit(self) -> float | None:
        """Metres in one unit of the network, where the data decides it."""
        return None

    @property
    def stages(self) -> dict[str, int]:
        """Settings that give the step (with `training.epochs`: epoch) where a new stage begins."""
        return {}
