# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frame pair -> depth, motion and confidence; the device lives here and nowhere else.

Depth and motion of a camera with another focal length than that of the training are corrected as
`geometry.focal_correction` says, with s = sqrt(sx sy): the crop keeps the aspect, so the two
hardly differ.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from mdepth_ros.core.confidence import confidence
from mdepth_ros.core.machine import DTYPES, choose_device, choose_precision, set_threads
from mdepth_ros.core.quality import SHRINK as SMALL
from mdepth_ros.core.quality import photometric_evidence
from mdepth_ros.core.refinement import SHRINK as HALF
from mdepth_ros.core.refinement import refine
from mdepth_ros.core.tracks import CornerTracker, Matches
from mdepth_ros.core.two_views import bundle
from mdepth_ros.core.types import Fit, Frame, FramePair, Prediction
from mdepth_ros.core.views import Sampled, View, Views
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import focal_correction, inverse_transform, transform_from_axis_angle
from mdepth_ros.model.file import ModelCard
from mdepth_ros.networks import JointDepthPose
from mdepth_ros.networks.fusion import fused

PARTS = frozenset({'image', 'confidence'})
"""What of a Prediction can be left on the device where nobody wants it."""


class Estimator:
    """The networks of one model on one device, warmed up.

    network    is copied, not changed
    device     'auto' (CUDA where usable, else the CPU), 'cpu', 'cuda', 'cuda:1'
    precision  'auto' (fp16 on CUDA; bf16 on CPUs that are fast at it; else fp32), 'fp32', 'bf16',
               'fp16'. Image sampling, geometry, the last layers and depth are always float32
    threads    of torch on the CPU, for the whole process; None: `usable_cores`, at most 8, or what
               OMP_NUM_THREADS says
    refined    whether the camera's own pixels correct the networks' motion: by the corners that
               are found in both frames (`two_views`), or until the images fit (`refinement`)
               where there are too few
    cues       whether the depth gets the cues of the pair; off, it is that of one image

    Attributes: device, precision, threads, refined, by_corners (False: only until the images fit),
    warm_up_seconds, warnings (each said once).
    Raises MdepthError for a device or precision that is not there, and for weights that give no
    finite output.
    """

    def __init__(
        self,
        network: JointDepthPose,
        card: ModelCard,
        device: str = 'auto',
        precision: str = 'auto',
        threads: int | None = None,
        refined: bool = True,
        cues: bool = True,
    ) -> None:
        self.refined, self.by_corners = refined, True
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.threads = set_threads(threads)
        self.card = card
        self.views = Views(card, self.device)
        self.warnings = self.views.warnings
        self._corners = CornerTracker()
        network = fused(network)
        if not cues:
            network.cues = None
        self._network = network.to(
            device=self.device,
            dtype=DTYPES[self.precision],
            memory_format=torch.channels_last,  # type: ignore[call-overload]
        )
        self.warm_up_seconds = self._warm_up()

    @torch.inference_mode()
    def __call__(
        self, pairs: Sequence[FramePair], parts: Collection[str] = PARTS
    ) -> list[Prediction]:
        """What the networks say of each pair, by one call of them.

        parts  of `PARTS`: the others are not brought from the device, and come as empty arrays

        'sample' and 'network' of the timings are those of all pairs. Raises MdepthError where the
        output is not finite.
        """
        start = time.perf_counter()
        # Beside the networks. A thread of its own for each call: one that lasts is lost in a fork.
        beside = ThreadPoolExecutor(1, 'corners')
        matches = [
            beside.submit(self._corners.match, pair.previous, pair.current)
            if self.refined and self.by_corners and not pair.reason
            else None
            for pair in pairs
        ]
        beside.shutdown(wait=False)
        views = [self.views.of(pair.current.camera, pair.current.mask) for pair in pairs]
        current = [self.views.sampled(pair.current) for pair in pairs]
        previous = [self.views.sampled(pair.previous) for pair in pairs]
        sampled = self._clock()
        disparities, poses = self._network(_joined(previous), _joined(current), scales=1)
        predicted = self._clock()
        depths = self._network.depth(disparities[0][:, 0].float())
        spent = {'sample': sampled - start, 'network': predicted - sampled}
        predictions = []
        for i, pair in enumerate(pairs):
            output = depths[i : i + 1], poses[i : i + 1], matches[i]
            predictions.append(
                self._prediction(pair, views[i], current[i], previous[i], output, parts, spent)
            )
        return predictions

    @torch.inference_mode()
    def uprightness(self, pair: FramePair, prediction: Prediction) -> tuple[float, float]:
        """How well the two images fit as they are, against turned by 180 degrees.

        prediction  of this pair; the networks are called once more, for the turned pair

        The depth of upright images explains them better than the depth of the turned images does,
        and better than the same depth upside down. Both numbers say how much better, as half of
        the logarithm of a ratio of residuals. For an upright pair both are above 0, for one that
        is upside down both are below; where their signs differ it is not known.
        """
        view = self.views.of(pair.current.camera, pair.current.mask)
        images = [self.views.sampled(frame).seen for frame in (pair.previous, pair.current)]
        turned = [image.flip(-2, -1).contiguous() for image in images]
        height, width = images[0].shape[-2:]
        K = view.small_intrinsics
        turned_K = K.clone()
        turned_K[:2, 2] = K.new_tensor([width / SMALL - 1, height / SMALL - 1]) - K[:2, 2]
        usable = view.small_usable
        turned_usable = None if usable is None else usable.flip(-2, -1)
        disparities, poses = self._network(*turned, scales=1)
        turned_depth = self._network.depth(disparities[0][:, 0].float()) * view.magnification
        depth = torch.from_numpy(prediction.depth)[None].to(self.device)
        motion = torch.from_numpy(
            prediction.motion if prediction.unrefined is None else prediction.unrefined
        )

        def misfit(
            of: list[Tensor], depth: Tensor, motion: Tensor, K: Tensor, usable: Tensor | None
        ) -> float:
            found = photometric_evidence(of[1], of[0], depth, motion, K, usable)
            return math.log(max(found.residual, 1e-6))

        as_is = misfit(images, depth, motion, K, usable)
        upside_down = misfit(images, depth.flip(-2, -1), motion, K, usable)
        motion, flipped = self._motion(poses, view), turned_depth.flip(-2, -1)
        of_turned = misfit(turned, turned_depth, motion, turned_K, turned_usable)
        turned_back = misfit(turned, flipped, motion, turned_K, turned_usable)
        return (of_turned - as_is) / 2, (upside_down - as_is + of_turned - turned_back) / 2

    def _prediction(
        self,
        pair: FramePair,
        view: View,
        current: Sampled,
        previous: Sampled,
        output: tuple[Tensor, Tensor, Future[Matches] | None],
        parts: Collection[str],
        spent: Mapping[str, float],
    ) -> Prediction:
        """Prediction of one pair from the networks' (depth [1, h, w], pose [1, 6]) and matches."""
        start = time.perf_counter()
        depth = output[0] * view.magnification
        half = current.depth = _halved(depth)
        motion, evidence = torch.eye(4, dtype=torch.float64), None
        if not pair.reason:
            motion = self._motion(output[1], view)
        depth_map = _numpy(depth[0])
        if not (np.isfinite(depth_map).all() and motion.isfinite().all()):
            raise MdepthError(
                f'the network gave non-finite depth or motion in {self.precision}: use another '
                "model file, or '--precision fp32' where this one works there"
            )
        images = current.image, previous.image
        brought, unrefined = self._clock(), motion.numpy()
        matches, corrected = None if output[2] is None else output[2].result(), unrefined
        corners, std = Fit(matches.shift) if matches else Fit(), None
        if matches and (found := bundle(matches, depth_map, view.camera, unrefined)):
            corrected, corners, std = found.motion, found.corners, found.std
            self._corners.keep(
                pair.current, matches.places[found.fits], found.depths.of(found.fits)
            )
        elif self.refined and not pair.reason:
            small = current.brightness(), previous.brightness()
            corrected = refine(*small, half, motion, view.half_intrinsics).numpy()
        if np.isfinite(corrected).all():
            motion = torch.from_numpy(corrected)
        refined = self._clock()
        if not pair.reason:
            evidence = photometric_evidence(
                *images, depth, motion, view.small_intrinsics, view.small_usable
            )
            evidence = replace(evidence, corners=corners)
        image = np.empty((0, 0, 3), np.uint8)
        if 'image' in parts:
            image = _numpy(current.image[0].permute(1, 2, 0).mul(255).round_().to(torch.uint8))
        sure = np.empty((0, 0), np.float32)
        if 'confidence' in parts:
            earlier = None if pair.reason else previous.depth
            sure = _numpy(confidence(half, earlier, motion, view.half_intrinsics, depth_map.shape))
            if view.half_usable is not None:
                sure[~view.visible] = 0
        return Prediction(
            depth_map,
            motion.numpy(),
            sure,
            view.camera,
            image,
            view.visible,
            {
                **spent,
                'refine': refined - brought,
                'post': time.perf_counter() - refined + brought - start,
            },
            evidence,
            unrefined,
            std,
        )

    def _clock(self) -> float:
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def _warm_up(self) -> float:
        """Two runs: libraries choose their kernels in the first ones. Returns the seconds."""
        start = time.perf_counter()
        camera = self.views.trained
        grey = np.full((camera.height, camera.width, 3), 128, np.uint8)
        first, second = Frame(0, grey, camera), Frame(1, grey, camera)
        for pair in (FramePair(first, first, 'warm-up'), FramePair(second, first, '', 1e-9)):
            self([pair])
        self.views.clear()
        return time.perf_counter() - start

    def _motion(self, pose: Tensor, view: View) -> Tensor:
        """Pose [1, 6] of (previous, current) -> T_previous_current [4, 4], float64 on the CPU."""
        s = torch.tensor(view.magnification, dtype=torch.float64)
        pose = pose[0].double().cpu() * focal_correction(s).float()
        return inverse_transform(transform_from_axis_angle(pose[:3], pose[3:]))


def _joined(frames: Sequence[Sampled]) -> Tensor:
    """What the networks see [B, 3, h, w]; one alone is not copied."""
    return frames[0].seen if len(frames) == 1 else torch.cat([frame.seen for frame in frames])


def _halved(depth: Tensor) -> Tensor:
    """Means of 2x2 pixels; bilinear at half the size is just that, and faster than pooling."""
    return interpolate(depth[None], scale_factor=1 / HALF, mode='bilinear', align_corners=False)[0]


def _numpy(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.cpu().numpy()
    return array
