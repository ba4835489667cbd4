# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Joint learning of depth and ego-motion with implicit cues (Implicit Cues, section III).

First the baseline and HAM learn, then everything together with IDCE (section IV.B). The gate of
the cues starts at zero, so that the network changes gradually.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import (
    Camera,
    focal_correction,
    inverse_transform,
    transform_from_axis_angle,
)
from mdepth_training.config import Experiment
from mdepth_training.data.sample import Sample
from mdepth_training.losses import mean_over_processes, not_finite, velocity_change
from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings
from mdepth_training.methods.implicit_cues.tables import TABLES
from mdepth_training.methods.method import Method
from mdepth_training.methods.view_synthesis import (
    Reconstruction,
    View,
    ViewGroup,
    multi_scale_loss,
    stereo_view,
)

if TYPE_CHECKING:
    from mdepth_training.methods.variant import Variant


class ImplicitCues(Method):
    """The networks and their losses for one experiment.

    sources  M   the neighbours t-1 and t+1 explain the frame
             MS  so does the second camera, whose place is known
             S   the depth learns from the second camera alone; the motion from the neighbours,
                 with the depth as it is, because a model without motion is of no use on a vehicle
    """

    settings: ImplicitCuesSettings
    columns: ClassVar[tuple[str, ...]] = (
        'mask_share',
        'log_depth_spread',
        'median_depth',
        'forward_motion',
        'cue_gate',
    )
    progress = {'spread': 'log_depth_spread', 'mask': 'mask_share'}  # noqa: RUF012
    tables: ClassVar[Mapping[str, Callable[[Experiment], list[Variant]]]] = TABLES

    def prepare(self) -> None:
        """Add the losses, and the focal length of the nominal camera, pixels."""
        super().prepare()
        self.losses = torch.compile(multi_scale_loss) if self.shared.compile else multi_scale_loss
        height, width = self.experiment.input_size
        camera = Camera.from_normalised(width, height, *self.experiment.camera)
        self.nominal_focal = (camera.fx * camera.fy) ** 0.5

    def describe(self) -> tuple[str, dict[str, str]]:
        """Name the parts and what they learned from."""
        text = f'implicit cues (IDCE + HAM), self-supervised on {self.settings.learned_from}'
        return text, {'cues from step': str(self.timetable.stages[0])}

    def chances(self) -> tuple[float, ...]:
        """Whether a sample sees its frame twice, and whether it gets no cues."""
        return self.settings.duplicated, self.settings.dropped_cues

    def resting(self) -> list[nn.Module]:
        """IDCE in the first stage."""
        return [] if self.stage or self.network.cues is None else [self.network.cues]

    def loss(self, sample: Sample, jittered: Sample, *drawn: Tensor) -> Tensor:
        """Eq. 2, and from the second stage on the change of velocity."""
        duplicated, uncued = drawn
        use_cues = ~uncued if self.stage else torch.zeros_like(uncued)
        previous = torch.where(
            duplicated[:, None, None, None], jittered.current, jittered.previous
        )
        disparities, pose = self.network(previous, jittered.current, use_cues)
        pose_ahead = self.network.pose(jittered.current, jittered.following)
        around = self._disparities_around(jittered, use_cues)
        unfinite = not_finite((sample.K, pose, pose_ahead, *disparities))
        # All processes return together: each waits for the others where masks are averaged.
        if self.device.type == 'cpu' and mean_over_processes(unfinite).isnan():
            return unfinite
        with torch.autocast(self.device.type, enabled=False):
            loss, shown = self.view_loss(sample, disparities, pose, pose_ahead, duplicated, around)
            loss = loss + unfinite.detach()
            if self.settings.constant_velocity and self.stage:
                change_of_speed = velocity_change(pose[:, 3:].float(), pose_ahead[:, 3:].float())
                moved = (change_of_speed * ~duplicated).sum() / len(sample.K)
                loss = loss + self.settings.constant_velocity * moved
        disparity = disparities[0].detach().float()
        if self.watched:
            self._watch(shown, disparity, pose_ahead.detach())
        if self.pictured:
            self.pictures = {'image': sample.current, 'disparity': disparity, **vars(shown)}
        return loss

    def view_loss(
        self,
        sample: Sample,
        disparities: list[Tensor],
        pose: Tensor,
        pose_ahead: Tensor,
        duplicated: Tensor | None = None,
        around: Sequence[Sequence[Tensor]] = ((), ()),
    ) -> tuple[Tensor, Reconstruction]:
        """Eq. 2 on images without jitter, for poses [B, 6] of (t-1, t) and (t, t+1).

        A sample whose frame was duplicated ([B] bool) has no motion to the previous frame: it
        learns from the other views alone. `around` are the disparities of t-1 and t+1, where the
        settings compare depths.
        """
        s, (T_previous, T_following) = self.in_camera(sample, pose, pose_ahead)
        full = self.network.depth(disparities[0].float())[:, 0] * s[:, None, None]
        neighbours = self.with_motion(
            sample,
            full,
            [
                View(sample.previous, T_previous, duplicated, around[0]),
                View(sample.following, T_following, None, around[1]),
            ],
        )
        groups = [ViewGroup(neighbours)]
        if 'S' in self.settings.sources:
            second = stereo_view(sample, self.settings)
            if self.settings.sources == 'MS':
                groups = [ViewGroup([*neighbours, second])]
            else:
                groups = [ViewGroup([second]), ViewGroup(neighbours, trains_depth=False)]
        loss, shown = self.losses(
            sample.current,
            sample.K,
            disparities,
            lambda disparity: self.network.depth(disparity) * s[:, None, None, None],
            groups,
            self.settings,
            sample.usable,
        )
        depths = [self.network.depth(d.float())[:, 0] * s[:, None, None] for d in disparities]
        return loss + self.depth_loss(sample, depths), shown

    def in_camera(
        self, sample: Sample, pose: Tensor, pose_ahead: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The factor s [B] of the depth, and T_previous_current and T_following_current.

        Depth and poses of a camera with another focal length than the experiment's are corrected
        as on the vehicle, see `focal_correction`.
        """
        s = self.focal_ratio(sample.K)
        factors = focal_correction(s)
        turn, shift = factors[:, :3], factors[:, 3:]
        backward, forward = (
            transform_from_axis_angle(p[:, :3].float() * turn, p[:, 3:].float() * shift)
            for p in (pose, pose_ahead)
        )
        return s, (inverse_transform(backward), forward)

    def focal_ratio(self, K: Tensor) -> Tensor:
        """Focal lengths of cameras K [B, 3, 3] over that of the experiment: [B]."""
        ratio: Tensor = (K[:, 0, 0] * K[:, 1, 1]).sqrt() / self.nominal_focal
        return ratio

    def with_motion(self, sample: Sample, depth: Tensor, views: list[View]) -> list[View]:
        """The neighbours with what moves by itself between them and the depth: nothing here."""
        return views

    def depth_loss(self, sample: Sample, depths: Sequence[Tensor]) -> Tensor:
        """What else the depths [B, h, w] of all scales are to obey: nothing here."""
        return depths[0].new_zeros(())

    def _disparities_around(
        self, jittered: Sample, use_cues: Tensor
    ) -> Sequence[Sequence[Tensor]]:
        """The disparities of t-1, whose own cues are unknown, and of t+1."""
        if not self.settings.compares_depths:
            return (), ()
        none = torch.zeros_like(use_cues)
        before, _ = self.network(jittered.previous, jittered.previous, none)
        after, _ = self.network(jittered.current, jittered.following, use_cues)
        return before, after

    def validation_loss(self, sample: Sample) -> Tensor:
        """The photometric loss, with cues from the second stage on."""
        joint = torch.full((len(sample.K),), self.stage > 0, device=self.device)
        disparities, pose = self.network(sample.previous, sample.current, joint)
        pose_ahead = self.network.pose(sample.current, sample.following)
        around = self._disparities_around(sample, joint)
        with torch.autocast(self.device.type, enabled=False):
            loss, _ = self.view_loss(sample, disparities, pose, pose_ahead, None, around)
        return loss

    def _watch(self, shown: Reconstruction, disparity: Tensor, pose: Tensor) -> None:
        """Log what tells a healthy run from a collapsed one, and stop a run that is lost.

        A collapsed depth is constant while the loss goes on falling: only the spread shows it.
        """
        log_depth = self.network.depth(disparity).log()
        spread = log_depth.std((1, 2, 3)).mean()
        values = {
            'mask_share': shown.mask.mean(),
            'log_depth_spread': spread,
            'median_depth': log_depth.median().exp(),
            'forward_motion': -pose[:, 5].mean(),
            'cue_gate': self._gate(),
        }
        self.log(values)
        # At 1e-3 a healthy run is above 0.3 by step 400; a smaller rate takes its time.
        spread = mean_over_processes(spread)
        if self.step * self.shared.learning_rate >= 0.3 and spread < 0.05:
            raise MdepthError(
                f'the depth collapsed to a constant (log-depth spread {spread:.3f} at step '
                f'{self.step}): start again with a smaller training.learning_rate, or with '
                'network.disparity_bias at -3 and network.translation_scale at 0.1'
            )

    def _gate(self) -> float:
        gate = self.network.cues.gate if self.network.cues is not None else None
        return float('nan') if gate is None else float(gate.detach())
