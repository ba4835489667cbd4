# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `mdepth bench` measures: time per stage of the step, beside plain networks."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import interpolate

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.machine import fast_bf16
from mdepth_ros.core.perception import make_perception
from mdepth_ros.core.types import Frame, FramePair
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import ModelCard, load_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig

STAGES = ('sample', 'network', 'refine', 'post', 'pairing', 'scale', 'odometry')
WARM = 4  # frames that are not measured


def measure(
    config: NetworkConfig, size: tuple[int, int], rounds: int, threads: int | None = None
) -> dict[str, Any]:
    """Times of the plain networks and of the full step of `config`, in turns; random weights.

    size is (height, width) of the networks' input. The result has 'medians_ms', 'ratio' (step to
    plain networks), 'rest' (share of the step outside networks and refinement) and
    'depth_difference' (median relative difference of the step's precision from fp32).
    """
    torch.manual_seed(0)
    plain = JointDepthPose(replace(config, cues=False, attention='none')).eval()
    network = _calibrated(JointDepthPose(config), size)
    height, width = size
    camera = Camera(round(width * 1.94), round(height * 1.953), 721.5, 721.5, 609.6, 172.9)
    view = Camera(width, height, 371.8, 371.8, width / 2, height / 2)
    card = ModelCard(
        name='random weights',
        network=config,
        input_size=size,
        camera=view.normalised,
        frame_interval=0.1,
        method='none',
        data='none',
        licence='Apache-2.0',
    )
    images = [torch.rand(1, 3, height, width) for _ in range(2)]
    plain_times: list[float] = []

    def run_plain() -> None:
        start = perf_counter()
        with torch.inference_mode():
            plain(*images, scales=1)
        plain_times.append(perf_counter() - start)

    estimator = Estimator(network, card, device='cpu', threads=threads)
    frames = _frames(camera, rounds)
    timings = _timings(estimator, frames, run_plain)
    plain_time = median(plain_times[WARM:])
    return {
        'machine': {
            'cpu': platform.processor() or platform.machine(),
            'torch': torch.__version__,
            'threads': estimator.threads,
            'precision': estimator.precision,
            'fast_bf16': fast_bf16(),
        },
        'size': list(size),
        'rounds': rounds,
        'medians_ms': {'plain networks': 1e3 * plain_time, **_medians(timings)},
        'ratio': median(t['step'] for t in timings) / plain_time,
        'rest': median(1 - (t['network'] + t['refine']) / t['step'] for t in timings),
        'depth_difference': _difference(network, card, frames),
    }


def measure_model(path: Path, rounds: int, threads: int | None = None) -> dict[str, Any]:
    """Times of the step of a model file at its own size, and its 'depth_difference' from fp32."""
    network, card = load_model(path)
    height, width = card.input_size
    camera = Camera.from_normalised(2 * width, 2 * height, *card.camera)
    frames = _frames(camera, rounds)
    timings = _timings(Estimator(network, card, device='cpu', threads=threads), frames)
    return {
        'name': card.name,
        'size': list(card.input_size),
        'medians_ms': _medians(timings),
        'depth_difference': _difference(network, card, frames),
    }


def _frames(camera: Camera, rounds: int) -> list[Frame]:
    """Frames a tenth of a second apart; the pictures repeat."""
    pictures = random_pictures(camera.height, camera.width, 4)
    return [Frame(10**8 * n, pictures[n % 4], camera) for n in range(rounds + WARM)]


def _timings(
    estimator: Estimator, frames: list[Frame], before_each: Callable[[], None] = lambda: None
) -> list[dict[str, float]]:
    """Seconds by stage of the step, of each frame."""
    perception = make_perception(estimator, scale='none')
    timings = []
    for frame in frames:
        before_each()
        (estimate,) = perception.step([frame])
        timings.append(estimate.timings)
    return timings[WARM:]


def _medians(timings: list[dict[str, float]]) -> dict[str, float]:
    return {name: 1e3 * median(t[name] for t in timings) for name in ('step', *STAGES)}


def _calibrated(network: JointDepthPose, size: tuple[int, int]) -> JointDepthPose:
    """Make random weights behave like trained ones, so that rounding errors are of their size.

    Batch norms learn their inputs, else signals grow from layer to layer; cues are switched on;
    the disparity's logits get a spread of 1, else the depth is nearly flat.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    if network.cues is not None and network.cues.gate is not None:
        nn.init.ones_(network.cues.gate)
    with torch.no_grad():
        images = torch.from_numpy(random_pictures(*size, 4)).permute(0, 3, 1, 2).float() / 255
        network.train()(images[:2], images[2:])
        disparity = network.eval()(images[:2], images[2:], scales=1)[0][0]
        for weight in network.depth_decoder.heads[0].parameters():
            weight.div_(disparity.logit().std())
    return network


def random_pictures(height: int, width: int, count: int) -> NDArray[np.uint8]:
    """Random pictures with details of all sizes, as real ones have: uint8 [count, h, w, 3]."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(count, 3, height, width)
    for octave in range(2, 8):
        coarse = torch.randn(count, 3, 2**octave, 2 ** (octave + 1), generator=generator)
        total += interpolate(coarse, size=(height, width), mode='bilinear') / 2 ** (octave / 2)
    pictures = (total / (4 * total.std()) + 0.5).clamp(0, 1).mul(255).byte()
    result: NDArray[np.uint8] = np.ascontiguousarray(pictures.permute(0, 2, 3, 1).numpy())
    return result


def _difference(network: JointDepthPose, card: ModelCard, frames: list[Frame]) -> float:
    """Median over pixels of |depth / depth in fp32 - 1|, over the first pairs."""
    pairs = [FramePair(new, old, '', card.frame_interval) for old, new in pairwise(frames[:5])]

    def depths(precision: str) -> NDArray[np.float32]:
        step = make_perception(Estimator(network, card, 'cpu', precision), scale='none').step
        return np.array([step([pair], ())[0].prediction.depth for pair in pairs])

    return float(np.median(np.abs(depths('auto') / depths('fp32') - 1)))
