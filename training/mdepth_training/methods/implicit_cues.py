# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Joint learning of depth and ego-motion with implicit cues (Implicit Cues, section III).

First the baseline and HAM learn, then everything together with IDCE (section IV.B); the cues
come in through a gate that starts at zero, so the change is no shock.
"""

from __future__ import annotations

import math
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import inverse_transform, transform_from_axis_angle, warp
from mdepth_ros.networks import JointDepthPose
from mdepth_training.config import Experiment
from mdepth_training.data.augmentation import apply_colour, flip, random_colour
from mdepth_training.data.sample import Sample
from mdepth_training.losses import (
    auto_mask,
    edge_aware_smoothness,
    masked_mean,
    minimum_over_sources,
    photometric_error,
    relative_change,
)

WATCH_EVERY = 20


class ImplicitCues(lightning.LightningModule):
    """The networks, their losses and their optimiser for one experiment."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.experiment = experiment
        self.settings = experiment.training
        self.network = JointDepthPose(experiment.network).to(memory_format=torch.channels_last)

    def training_step(self, sample: Sample, _batch_index: int) -> Tensor:
        """One step; all its chance comes from the seed and the step's number."""
        torch.manual_seed(self.settings.seed * 1_000_003 + self.global_step)
        batch = sample.current.shape[0]
        sample = flip(sample, torch.rand(batch) < 0.5)
        change = random_colour(batch, self.settings.colour, self.settings.hue)
        previous, current, following = (
            apply_colour(image, *change).contiguous(memory_format=torch.channels_last)
            for image in (sample.previous, sample.current, sample.following)
        )
        duplicated = torch.rand(batch) < self.settings.duplicated
        use_cues = torch.rand(batch) >= self.settings.dropped_cues
        if self.global_step < self.settings.joint_from:
            use_cues = torch.zeros(batch, dtype=torch.bool)
        seen = torch.where(duplicated[:, None, None, None], current, previous)

        disparities, pose = self.network(seen, current, use_cues)
        pose_ahead = self.network.pose(current, following)
        with torch.autocast(self.device.type, enabled=False):
            transforms = self.transforms(pose, pose_ahead)
            loss, mask_share = self.multi_scale_loss(sample, disparities, *transforms, duplicated)
            if self.settings.steady_motion and self.global_step >= self.settings.joint_from:
                change = relative_change(pose[:, 3:].float(), pose_ahead[:, 3:].float())
                loss = loss + self.settings.steady_motion * change[~duplicated].sum() / batch
            self._watch(loss, mask_share, disparities[0], pose_ahead)
        return loss

    @staticmethod
    def transforms(pose: Tensor, pose_ahead: Tensor) -> tuple[Tensor, Tensor]:
        """Poses [B, 6] of (t-1, t) and (t, t+1) -> T_previous_current, T_following_current."""
        backward, forward = (
            transform_from_axis_angle(p[:, :3].float(), p[:, 3:].float())
            for p in (pose, pose_ahead)
        )
        return inverse_transform(backward), forward

    def multi_scale_loss(
        self,
        sample: Sample,
        disparities: list[Tensor],
        T_previous_current: Tensor,
        T_following_current: Tensor,
        duplicated: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Eq. 2 at each scale's own size, mean over the scales, on images without jitter.

        A sample whose frame was duplicated has no motion to the previous frame: it learns from
        the following one alone. Returns the loss and the auto-mask's share at full size.
        """
        losses, shares = [], []
        height = sample.current.shape[-2]
        for scale, disparity in enumerate(disparities):
            shrink = height // disparity.shape[-2]
            current, previous, following = (
                image if shrink == 1 else functional.avg_pool2d(image, shrink)
                for image in (sample.current, sample.previous, sample.following)
            )
            K = _scaled(sample.K, shrink)
            depth = self.network.depth(disparity.float())[:, 0]
            reprojection, identity = [], []
            for source, transform in (
                (previous, T_previous_current),
                (following, T_following_current),
            ):
                warped, _ = warp(source, depth, transform, K)
                reprojection.append(photometric_error(current, warped))
                with torch.no_grad():
                    identity.append(photometric_error(current, source))
            blind = duplicated[:, None, None, None]
            reprojection[0] = torch.where(blind, reprojection[1], reprojection[0])
            identity[0] = torch.where(blind, identity[1], identity[0])
            error = minimum_over_sources(reprojection)
            mask = auto_mask(error.detach(), minimum_over_sources(identity))
            smooth = edge_aware_smoothness(disparity.float(), current)
            losses.append(masked_mean(error, mask) + self.settings.smoothness / 2**scale * smooth)
            shares.append(mask.mean())
        return torch.stack(losses).mean(), shares[0]

    def _watch(self, loss: Tensor, mask_share: Tensor, disparity: Tensor, pose: Tensor) -> None:
        """Log what tells a healthy run from a collapsed one, and stop a run that is lost.

        A collapsed depth is constant while the loss goes on falling: only the spread shows it.
        """
        if (self.global_step + 1) % WATCH_EVERY:
            return
        log_depth = self.network.depth(disparity.detach().float()).log()
        spread = log_depth.std((1, 2, 3)).mean()
        values = {
            'mask_share': mask_share,
            'log_depth_spread': spread,
            'median_depth': log_depth.median().exp(),
            'forward_motion': -pose.detach()[:, 5].mean(),
            'cue_gate': self._gate(),
        }
        self.log_dict(values, on_step=True, on_epoch=False)
        self.log('loss', loss.detach(), prog_bar=True)
        if not math.isfinite(loss.item()):
            raise MdepthError(
                f'the loss became {loss.item()} at step {self.global_step}: '
                'start again with a smaller training.learning_rate'
            )
        if self.global_step >= 300 and spread < 0.05:
            raise MdepthError(
                f'the depth collapsed to a constant (log-depth spread {spread:.3f} at step '
                f'{self.global_step}): start again with a smaller training.learning_rate, or with '
                'network.disparity_bias at -3 and network.translation_scale at 0.1'
            )

    def _gate(self) -> float:
        gates = [p for name, p in self.network.named_parameters() if name == 'cues.gate']
        return float(gates[0].detach()) if gates else float('nan')

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam; a linear warm-up, then a cosine down to the final rate."""
        settings = self.settings
        optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)

        def rate(step: int) -> float:
            progress = min(step / settings.steps, 1.0)
            cosine = (1 + math.cos(math.pi * progress)) / 2
            warm = min((step + 1) / settings.warm_up, 1.0)
            return warm * (settings.final_rate + (1 - settings.final_rate) * cosine)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {
            'optimizer': optimizer,
            'lr_scheduler': {'scheduler': schedule, 'interval': 'step'},
        }


def _scaled(K: Tensor, shrink: int) -> Tensor:
    """Camera matrices [B, 3, 3] of images that are `shrink` times smaller (pixel-centre rule)."""
    K = K / shrink
    K[:, :2, 2] += 0.5 / shrink - 0.5
    K[:, 2, 2] = 1
    return K
