# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The settings of Mining Supervision for Dynamic Regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings
from mdepth_training.settings import setting

if TYPE_CHECKING:
    from mdepth_training.methods.dynamic_regions.alignment_stage import AlignScale
    from mdepth_training.methods.dynamic_regions.method import DynamicRegions
    from mdepth_training.methods.dynamic_regions.objects_stage import DynamicObjects


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
    label_error: Literal['depth', 'log'] = setting(
        'depth',
        'what the labels are compared in: depth (the paper), where far things count most, or its '
        'log, where a share counts alike near and far',
    )
    scene_weight: float = setting(
        0.0,
        'weight of the depth that the scene stage had where nothing has a label; 0 in the paper',
        0,
        1e3,
    )
    ring: float = setting(
        0.0,
        'pixels at a width of 512 around a thing that the labels count in too, where they are the '
        'depth of the scene: they hold the edge of the thing; 0 in the paper',
        0,
        64,
    )
    scene_cues: bool = setting(
        False,
        'labels: whether the scene has its cues; they explain what moves along by another depth, '
        'and nothing is left to be seen as its own motion',
    )
    least_motion: float = setting(
        1.0, 'labels: own motion in pixels at a width of 512 from which on a pixel moves', 0
    )
    scale: Literal['rows', 'contact', 'network'] = setting(
        'rows',
        'labels: how deep a thing is: as the ground in the rows of the image in which it stands '
        '(rows, closed form; each column for itself, upright and without a shape), as the line on '
        'which it stands (contact, closed form: ground and feet there), or as the network of a '
        'stage scale_alignment says',
    )
    on_ground: bool = setting(
        True,
        'labels of closed form: only things below which the ground is seen have one; found masks '
        'may end anywhere in a thing. false for exact ones',
    )
    edge: float = setting(
        0.08,
        'labels: what is left out at the edge of a thing, as a share of the root of its area, at '
        'most 4 pixels; found masks are blurred there, 0 for exact ones',
        0,
        0.5,
    )
    shape: Literal['flat', 'scene', 'object'] = setting(
        'flat',
        'labels and scale_alignment: the depths of a thing, up to a factor: all alike, as the '
        'scene has them, or as the network of a stage dynamic_objects',
    )
    masks: str = setting(
        '',
        'prior: masks of all things, a folder of PNGs (values are ids, or one for all), a json of '
        'COCO, or exact: those of the synthetic world, which are truth',
    )
    mask_classes: tuple[str, ...] = setting(
        (), 'prior: names of the categories in a json of COCO that are things; none: all'
    )

    @staticmethod
    def learner() -> type[DynamicRegions]:
        """Return the method itself."""
        from mdepth_training.methods.dynamic_regions.method import DynamicRegions

        return DynamicRegions

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the last stage reads: the label, and where something moves."""
        return ('depth_label', 'dynamic') if self.label_weight or self.scene_weight else ()

    @property
    def stages(self) -> dict[str, int]:
        """Cues join; the motion learns alone; all learn together."""
        starts = super().stages
        if self.motion != 'none':
            starts |= {'motion_from': self.motion_from, 'together_from': self.together_from}
        return starts


@dataclass(frozen=True)
class LaterSettings(DynamicRegionsSettings):
    """Of the stages after the scene stage; they read the settings of the others too.

    One block `method` of an experiment does for all stages of a chain in this way.
    """

    @property
    def stages(self) -> dict[str, int]:
        """All of it learns from the start."""
        return {}


@dataclass(frozen=True)
class ThingSettings(LaterSettings):
    """Of the stages that learn from single things."""

    things: Literal['one', 'all'] = setting('one', 'things of a frame in a step, drawn by chance')
    least_area: float = setting(
        0.005, 'smallest share of the image of a thing, in all three frames; 0.005 in the code', 0
    )
    thing_labels: ClassVar[tuple[str, ...]] = (
        'static_things',
        'things_previous',
        'things_following',
    )


@dataclass(frozen=True)
class DynamicObjectsSettings(ThingSettings):
    """Depth and motion of single things (Mining Supervision, stage 2)."""

    name: str = setting('dynamic_objects', 'the method')
    smoothness: float = setting(0.02, 'weight of the smoothness inside of a thing', 0, 1e3)

    @staticmethod
    def learner() -> type[DynamicObjects]:  # type: ignore[override]
        """Return the method itself."""
        from mdepth_training.methods.dynamic_regions.objects_stage import DynamicObjects

        return DynamicObjects

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """Where the things are, in all three frames."""
        return ('instances', *self.thing_labels)


@dataclass(frozen=True)
class ScaleAlignmentSettings(ThingSettings):
    """How deep a thing is, learned from those that stand still (Mining Supervision, DSA)."""

    name: str = setting('scale_alignment', 'the method')
    alignment_loss: Literal['log', 'huber'] = setting(
        'log', "difference of the log depths (log), or Huber's of 0.005 of the depths (the code)"
    )

    @staticmethod
    def learner() -> type[AlignScale]:  # type: ignore[override]
        """Return the method itself."""
        from mdepth_training.methods.dynamic_regions.alignment_stage import AlignScale

        return AlignScale

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The scene, its ground, and where things stand."""
        return ('scene_depth', 'ground', *self.thing_labels)
