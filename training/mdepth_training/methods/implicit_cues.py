# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Joint learning of depth and ego-motion with implicit cues (Implicit Cues, section III).

First the baseline and HAM learn, then everything together with IDCE (section IV.B); with the gate
of the cues, which starts at zero, the change is no shock.
"""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, inverse_transform, transform_from_axis_angle
from mdepth_ros.networks import JointDepthPose
from mdepth_training.config import Experiment
from mdepth_training.data.augmentation import (
    apply_colour,
    apply_noise,
    flip,
    random_colour,
    random_noise,
)
from mdepth_training.data.sample import Sample
from mdepth_training.losses import mean_over_processes, relative_change
from mdepth_training.methods.view_synthesis import (
    Reconstruction,
    View,
    ViewGroup,
    multi_scale_loss,
)
from mdepth_training.optimiser import Timetable, parameter_groups

WATCH_EVERY = 20


class ImplicitCues(lightning.LightningModule):
    """The networks, their losses and their optimiser for one experiment.

    sources  M   the neighbours t-1 and t+1 explain the frame
             MS  so does the stereo partner, whose place is known
             S   the depth learns from the partner alone; the motion from the neighbours, with the
                 depth as it is, because a model without motion is of no use on a vehicle

    It learns `network`, or one that begins by chance.
    """

    def __init__(
        self,
        experiment: Experiment,
        timetable: Timetable | None = None,
        network: JointDepthPose | None = None,
    ) -> None:
        super().__init__()
        self.experiment = experiment
        self.settings = settings = experiment.training
        self.timetable = timetable or Timetable.of(settings, 1)
        self.layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        network = network or JointDepthPose(experiment.network)
        self.network = network.to(memory_format=self.layout)
        self.losses = multi_scale_loss
        if settings.compile:
            for part in self.network.children():
                part.compile()
            self.losses = torch.compile(multi_scale_loss)
        height, width = experiment.input_size
        camera = Camera.from_normalised(width, height, *experiment.camera)
        self.nominal_focal = (camera.fx * camera.fy) ** 0.5
        # Pictures of the last step that was asked for them, and the norm of its gradient.
        self.pictures: dict[str, Tensor] | None = None
        self.gradient_norm = torch.tensor(0.0)

    def transfer_batch_to_device(
        self, batch: Sample, device: torch.device, _dataloader: int
    ) -> Sample:
        """Bytes travel; floats are made on the device."""
        return batch.on(device)

    def training_step(self, sample: Sample, batch_index: int) -> Tensor:
        """One batch; all its chance comes from the seed and the number of the batch."""
        settings, batch = self.settings, len(sample.K)
        micro_step = self.global_step * settings.accumulate + batch_index % settings.accumulate
        torch.manual_seed(settings.seed * 1_000_003 + micro_step)
        # Drawn for all processes alike, each takes its part: one process with all samples would
        # draw the same (but for the grains of the noise).
        everyone, first = batch * self._processes, batch * self.global_rank
        flipped = torch.rand(everyone) < 0.5
        change = random_colour(everyone, settings.colour, settings.hue)
        duplicated = torch.rand(everyone) < settings.duplicated
        use_cues = torch.rand(everyone) >= settings.dropped_cues
        if not self.timetable.joint(self.global_step):
            use_cues = torch.zeros_like(use_cues)
        deviation = random_noise(everyone, settings.noise)
        flipped, matrix, mean_weight, duplicated, use_cues, deviation = (
            values[first : first + batch].to(self.device, non_blocking=True)
            for values in (flipped, *change, duplicated, use_cues, deviation)
        )
        sample = flip(sample, flipped)
        views = [
            apply_colour(image, matrix, mean_weight)
            for image in (sample.previous, sample.current, sample.following)
        ]
        if settings.noise:
            views = [apply_noise(image, deviation) for image in views]
        previous, current, following = (v.contiguous(memory_format=self.layout) for v in views)
        seen = torch.where(duplicated[:, None, None, None], current, previous)
        disparities, pose = self.network(seen, current, use_cues)
        pose_ahead = self.network.pose(current, following)
        # Not a number where anything is not finite: no loss need be, for a warp to nowhere reads
        # the image's corner, and on a CPU its gradient would read outside of all memory.
        unfinite = 0 * sum(x.float().sum() for x in (sample.K, pose, pose_ahead, *disparities))
        # All processes turn back together: each waits for the others where masks are averaged.
        if self.device.type == 'cpu' and mean_over_processes(unfinite).isnan():
            return unfinite
        with torch.autocast(self.device.type, enabled=False):
            loss, made = self.view_loss(sample, disparities, pose, pose_ahead, duplicated)
            loss = loss + unfinite.detach()
            if settings.steady_motion and self.timetable.joint(self.global_step):
                change_of_speed = relative_change(pose[:, 3:].float(), pose_ahead[:, 3:].float())
                moved = (change_of_speed * ~duplicated).sum() / batch
                loss = loss + settings.steady_motion * moved
        self._watch(loss.detach(), made, disparities[0].detach().float(), pose_ahead.detach())
        self.pictures = None
        every = settings.images_every
        if every and (self.global_step + 1) % every == 0:
            disparity = disparities[0].detach().float()
            self.pictures = {'image': sample.current, 'disparity': disparity, **vars(made)}
        return loss

    def view_loss(
        self,
        sample: Sample,
        disparities: list[Tensor],
        pose: Tensor,
        pose_ahead: Tensor,
        duplicated: Tensor | None = None,
    ) -> tuple[Tensor, Reconstruction]:
        """Eq. 2 on images without jitter, for poses [B, 6] of (t-1, t) and (t, t+1).

        A sample whose frame was duplicated ([B] bool) has no motion to the previous frame: it
        learns from the other views alone.

        A camera of another focal length than the experiment's shows a world that is s times
        deeper than it looks. What the networks say is corrected as on the vehicle: depth and
        translation along z times s, rotations about x and y by s (see mdepth_ros.estimator).
        """
        s = (sample.K[:, 0, 0] * sample.K[:, 1, 1]).sqrt() / self.nominal_focal
        one = torch.ones_like(s)
        turn = torch.stack([1 / s, 1 / s, one], 1)
        shift = torch.stack([one, one, s], 1)
        backward, forward = (
            transform_from_axis_angle(p[:, :3].float() * turn, p[:, 3:].float() * shift)
            for p in (pose, pose_ahead)
        )
        neighbours = [
            View(sample.previous, inverse_transform(backward), duplicated),
            View(sample.following, forward),
        ]
        groups = [ViewGroup(neighbours)]
        if 'S' in self.settings.sources:
            partner = self._partner(sample)
            if self.settings.sources == 'MS':
                groups = [ViewGroup([*neighbours, partner])]
            else:
                groups = [ViewGroup([partner]), ViewGroup(neighbours, trains_depth=False)]
        return self.losses(
            sample.current,
            sample.K,
            disparities,
            lambda disparity: self.network.depth(disparity) * s[:, None, None, None],
            groups,
            smoothness=self.settings.smoothness,
            full_size=self.settings.full_size_losses,
        )

    def _partner(self, sample: Sample) -> View:
        if sample.partner is None or sample.T_partner_current is None:
            raise MdepthError(
                f'training.sources is {self.settings.sources}, but the recordings have no stereo '
                'partner: set training.sources=M, or give recordings of a stereo pair'
            )
        transform = sample.T_partner_current.clone()
        transform[:, :3, 3] /= self.settings.metres_per_unit
        return View(sample.partner, transform)

    def validation_step(self, sample: Sample, _batch_index: int) -> None:
        """The photometric loss on held-out frames; it is logged, and selects nothing."""
        torch.manual_seed(self.settings.seed)
        joint = torch.full((len(sample.K),), self.timetable.joint(self.global_step))
        disparities, pose = self.network(sample.previous, sample.current, joint.to(self.device))
        pose_ahead = self.network.pose(sample.current, sample.following)
        with torch.autocast(self.device.type, enabled=False):
            loss, _ = self.view_loss(sample, disparities, pose, pose_ahead)
        self.log('validation_loss', loss, batch_size=len(sample.K), sync_dist=True)

    def _watch(self, loss: Tensor, made: Reconstruction, disparity: Tensor, pose: Tensor) -> None:
        """Log what tells a healthy run from a collapsed one, and stop a run that is lost.

        A collapsed depth is constant while the loss goes on falling: only the spread shows it.
        """
        if (self.global_step + 1) % WATCH_EVERY:
            return
        log_depth = self.network.depth(disparity).log()
        spread = log_depth.std((1, 2, 3)).mean()
        values = {
            'mask_share': made.mask.mean(),
            'log_depth_spread': spread,
            'median_depth': log_depth.median().exp(),
            'forward_motion': -pose[:, 5].mean(),
            'cue_gate': self._gate(),
            'gradient_norm': self.gradient_norm,
            'learning_rate': self.optimizers().param_groups[0]['lr'],
        }
        self.log_dict(values, on_step=True, on_epoch=False)
        self.log('loss', loss, on_step=True, on_epoch=False)
        # At 1e-3 a healthy run is above 0.3 by step 400; a smaller rate takes its time.
        spread = mean_over_processes(spread)
        if self.global_step * self.settings.learning_rate >= 0.3 and spread < 0.05:
            raise MdepthError(
                f'the depth collapsed to a constant (log-depth spread {spread:.3f} at step '
                f'{self.global_step}): start again with a smaller training.learning_rate, or with '
                'network.disparity_bias at -3 and network.translation_scale at 0.1'
            )

    def _gate(self) -> float:
        gate = self.network.cues.gate if self.network.cues is not None else None
        return float('nan') if gate is None else float(gate.detach())

    @property
    def _processes(self) -> int:
        return self._trainer.world_size if self._trainer is not None else 1

    def on_before_optimizer_step(self, _optimizer: torch.optim.Optimizer) -> None:
        """Leave IDCE alone in the first stage: no gradient, hence no decay and no moments."""
        if self.network.cues is not None and not self.timetable.joint(self.global_step):
            for parameter in self.network.cues.parameters():
                parameter.grad = None
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        self.gradient_norm = torch.stack([gradient.norm() for gradient in gradients]).norm()

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam with betas (0.9, 0.999), and the timetable's rate."""
        settings = self.settings
        groups = parameter_groups(self.network, settings.weight_decay)
        optimizer = torch.optim.Adam(groups, lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.timetable.rate)
        return {
            'optimizer': optimizer,
            'lr_scheduler': {'scheduler': schedule, 'interval': 'step'},
        }
