# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Self-distillation: pseudo-depth that is forgotten, then a teacher for what moves.

A reconstruction of SS-MDE (Sensors 2024, 24(13), 4090), of which only the abstract is public. It
names the parts: pseudo-depth for what stands still, a forgetting factor, a teacher's prior, a mask
filter over several views, a student. Equations and numbers here are ours, after SC-DepthV3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Sample
from mdepth_training.labels import LabelStore
from mdepth_training.labels.pseudo import mistaken_for
from mdepth_training.losses import Moments, at_scale, distillation_loss
from mdepth_training.methods.dynamic_regions.method import DynamicRegions
from mdepth_training.methods.self_distillation.forgetting import forgetting_factor
from mdepth_training.methods.self_distillation.mask_filter import (
    LearnedFilter,
    fused,
    least_error,
    reliability,
    static_mask,
)
from mdepth_training.methods.self_distillation.pseudo import (
    PseudoDepth,
    aligned,
    pseudo_loss,
    require_usable,
)
from mdepth_training.methods.self_distillation.settings import SelfDistillationSettings
from mdepth_training.methods.self_distillation.tables import TABLES
from mdepth_training.methods.self_distillation.teacher import (
    depth_of,
    follow,
    make_reference,
    make_teacher,
    trusted,
)
from mdepth_training.methods.view_synthesis import View


class SelfDistillation(DynamicRegions):
    """Teacher and student alike: which it is, the settings say."""

    settings: SelfDistillationSettings
    columns = (
        *DynamicRegions.columns,
        'forgetting',
        'static_share',
        'pseudo_loss',
        'pseudo_skipped',
        'pseudo_correlation',
        'distillation_loss',
        'teacher_trusted',
    )
    tables = TABLES
    not_parts: ClassVar[tuple[str, ...]] = ('network.', 'teacher.', 'reference.', 'forgetting')
    forgetting: Tensor

    def prepare(self) -> None:
        """Add the teacher, and a filter that learns."""
        super().prepare()
        teacher = make_teacher(self.settings, self.experiment, self.network)
        self.teacher = None if teacher is None else teacher.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.reference = make_reference(self.settings, self.shared.initial, self.network)
        self.filter = LearnedFilter() if self.settings.mask_filter == 'learned' else None
        self.register_buffer('forgetting', torch.ones(()))
        self._pseudo_seen = False

    def describe(self) -> tuple[str, dict[str, str]]:
        """Say that it is a reconstruction, and who taught it what."""
        settings, learned = self.settings, self.settings.learned_from
        text = f'self-distillation, a reconstruction of SS-MDE, self-supervised on {learned}'
        details: dict[str, str] = {'teacher': settings.teacher}
        if settings.teacher == 'frozen':
            details['teacher'] = f'frozen, {Path(settings.teacher_model).name}'
        if name := settings.pseudo_label:
            paths = (Path(path).expanduser() for path in self.experiment.data.labels)
            stores = map(LabelStore.open, paths)
            made = [s.kinds[name].description for s in stores if name in s.kinds]
            details['pseudo-depth'] = (made and made[0]) or name
        return text, {**super().describe()[1], **details}

    def train(self, mode: bool = True) -> SelfDistillation:
        """Teacher and reference are only asked."""
        super().train(mode)
        for asked in (self.teacher, self.reference):
            if asked is not None:
                asked.eval()
        return self

    @property
    def progress_of_run(self) -> float:
        """The share of the run that is over."""
        return self.step / self.timetable.steps

    @property
    def pose_rests(self) -> bool:
        """Whether the pose stays as it is from now on."""
        until = self.settings.pose_until
        return until < 1 and self.progress_of_run >= until

    def resting(self) -> list[nn.Module]:
        """Motion encoder and pose decoder in the last part of the run."""
        rests = super().resting()
        if self.pose_rests:
            rests = [*rests, self.network.motion_encoder, self.network.pose_decoder]
        return rests

    def forward(self, sample: Sample, part: int = 0) -> Tensor:
        """Also let an EMA teacher follow, once in a step, and forget."""
        if part == 0:
            if self.teacher is not None and self.settings.teacher == 'ema':
                follow(self.teacher, self.network, self.settings.teacher_momentum)
            kind, target = self.settings.forgetting, self.settings.forgetting_target
            at = self.settings.forgetting_at
            self.forgetting.fill_(forgetting_factor(kind, self.progress_of_run, target, at))
        return super().forward(sample, part)

    def loss(self, sample: Sample, jittered: Sample, *drawn: Tensor) -> Tensor:
        """View synthesis, what the labels say, and what the teacher says."""
        # Means and variances of norms would still change what a resting pose says.
        self.network.motion_encoder.train(self.training and not self.pose_rests)
        self.prior: Tensor | None = None
        if self.teacher is not None:
            cues = self.settings.teacher_cues
            self.prior = depth_of(self.teacher, sample.previous, sample.current, cues)
        self.known = self.prior if self.settings.teacher == 'frozen' else None
        if self.reference is not None and self.training:
            self.known = depth_of(self.reference, sample.previous, sample.current, cues=False)
        loss = super().loss(sample, jittered, *drawn)
        if self.pictured and self.pictures is not None:
            self.pictures['static'] = self.static.float()
        return loss

    def with_motion(self, sample: Sample, depth: Tensor, views: list[View]) -> list[View]:
        """Keep the views, to ask them which pixels stand still."""
        self.views = super().with_motion(sample, depth, views)
        return self.views

    def depth_loss(self, sample: Sample, depths: Sequence[Tensor]) -> Tensor:
        """Labels of dynamic regions; at full size pseudo-depth and teacher.

        The validation loss is without these two: their weights change in the run.
        """
        loss = super().depth_loss(sample, depths)
        if not self.training:
            return loss
        settings, depth = self.settings, depths[0]
        current = Moments.of(sample.current, settings.photometric.window)
        prior, prior_error = None, None
        if self.prior is not None:
            prior = at_scale(depth.detach(), self.prior)
            prior_error = least_error(current, prior, self.views, sample.K, settings.photometric)
        static, error, of_filter = self._static(sample, current, depth.detach(), prior_error)
        self.static = static[:, None]
        loss, pseudo = loss + of_filter, None
        if settings.pseudo_label:
            pseudo = self._pseudo(sample, depth.detach(), static)
            terms = pseudo_loss(depth, pseudo, static, sample, settings)
            loss = loss + settings.pseudo_weight * self.forgetting * terms
            self._watched(pseudo_loss=terms)
        if prior is not None and prior_error is not None:
            believed = trusted(prior, prior_error, error, static, pseudo)
            weight = believed * torch.where(static, settings.static_distillation, 1.0)
            taught = distillation_loss(depth, prior, weight)
            ramp = min(self.progress_of_run / max(settings.distillation_ramp, 1e-9), 1.0)
            loss = loss + settings.distillation * ramp * taught
            self._watched(distillation_loss=taught, teacher_trusted=believed.float().mean())
        self._watched(forgetting=self.forgetting.clone(), static_share=static.float().mean())
        return loss

    def _static(
        self, sample: Sample, current: Moments, depth: Tensor, prior_error: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What stands still, bool [B, H, W]; the error [B, 1, H, W]; what a filter costs."""
        how, none = self.settings.photometric, depth.new_zeros(())
        if self.settings.mask_filter == 'none':
            everywhere = torch.ones_like(depth, dtype=torch.bool)
            return everywhere, least_error(current, depth, self.views, sample.K, how), none
        s = self.focal_ratio(sample.K)[:, None, None]
        around = [
            self.network.depth(v.disparities[0].detach().float())[:, 0] * s for v in self.views
        ]
        found = reliability(current, depth, self.views, around, sample.K, how)
        above, threshold = fused(found.views, self.settings.moving_quantile)
        if self.filter is not None:
            other = found.error if prior_error is None else prior_error
            errors = torch.cat([found.error, other], 1).nan_to_num(posinf=1.0)
            logits = self.filter(found.views, threshold, errors)
            above, none = logits.detach(), self.filter.loss(logits, found.error)
        return static_mask(above, found.views)[:, 0], found.error, none

    def _pseudo(self, sample: Sample, depth: Tensor, static: Tensor) -> PseudoDepth:
        """The pseudo-depth of a batch at the scale of its depth.

        Shift and spread are those of the depth with which the run began, or of a frozen teacher:
        whatever makes a depth flatter would make what it learns from flatter too.
        Raises MdepthError where no frame has a usable one, or it is upside down.
        """
        name, s = self.settings.pseudo_label, self.focal_ratio(sample.K)
        near, far = self.network.config.depth_range
        label = sample.labels[name]
        if self.known is not None:
            depth = at_scale(depth, self.known)
        pseudo = aligned(label, depth, static, (near * s, far * s), self.settings)
        if not self._pseudo_seen:
            if not pseudo.usable.any():
                require_usable(self.experiment.data.labels, name)
            self._require_space(label[:, 0].masked_fill(~static, torch.nan), depth)
        self._pseudo_seen = True
        self._watched(
            pseudo_skipped=(~pseudo.usable).float().mean(),
            pseudo_correlation=pseudo.correlation.mean(),
        )
        return pseudo

    def _require_space(self, label: Tensor, depth: Tensor) -> None:
        """Raise MdepthError where labels [B, H, W] run against a depth that has learned before.

        Asked once: later the depth has learned from them, and agrees.
        """
        initial, space = self.shared.initial, self.settings.pseudo
        if not initial.endswith('.safetensors'):
            return
        if other := mistaken_for(space, zip(label, depth, strict=True)):
            raise MdepthError(
                f'{self.settings.pseudo_label} runs against the depth of {initial}: it seems to '
                f'be {other}, not {space}; make it again as {other}'
            )

    def _watched(self, **values: Tensor) -> None:
        if self.watched:
            self.log({name: value.detach() for name, value in values.items()})
