# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Estimators for tests: of random networks, and of one that says what it is told."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mdepth_ros.core.estimator import PARTS, Estimator
from mdepth_ros.core.types import Frame, FramePair, Prediction
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import ModelCard
from mdepth_ros.networks import JointDepthPose, NetworkConfig

HEIGHT, WIDTH = 64, 96
TRAINED = (0.8, 1.2, 0.5, 0.5)
CAMERA = Camera.from_normalised(WIDTH, HEIGHT, *TRAINED)
SMALL = NetworkConfig(width=0.125)


def card(**changes: Any) -> ModelCard:
    values: dict[str, Any] = {
        'name': 'test',
        'network': SMALL,
        'input_size': (HEIGHT, WIDTH),
        'camera': TRAINED,
        'frame_interval': 0.1,
        'method': 'none',
        'data': 'none',
        'licence': 'Apache-2.0',
    }
    return ModelCard(**{**values, **changes})


def random_network(config: NetworkConfig = SMALL) -> JointDepthPose:
    """Random weights, with batch norms that are not the identity and with cues."""
    torch.manual_seed(0)
    network = JointDepthPose(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    if network.cues is not None and network.cues.gate is not None:
        nn.init.constant_(network.cues.gate, 0.5)
    return network.eval()


class Oracle(nn.Module):
    """Says the same of every pair."""

    def __init__(self, depth: Tensor | float, pose: list[float]) -> None:
        super().__init__()
        self.config = SMALL
        self.register_buffer('inverse', 1 / torch.as_tensor(depth).expand(1, 1, HEIGHT, WIDTH))
        self.register_buffer('says', torch.tensor([pose]))

    def forward(self, previous: Tensor, current: Tensor, scales: int) -> Any:
        return [self.inverse] * scales, self.says

    def depth(self, disparity: Tensor) -> Tensor:
        return 1 / disparity


def estimator(network: Any = None, **options: Any) -> Estimator:
    return Estimator(network or random_network(), card(), **{'device': 'cpu', **options})


def oracle(depth: Tensor | float, pose: list[float]) -> Estimator:
    return estimator(Oracle(depth, pose), precision='fp32', refined=False)


def predict(estimator: Estimator, pair: FramePair, parts: Collection[str] = PARTS) -> Prediction:
    """What an estimator says of one pair."""
    return estimator([pair], parts)[0]


def picture(camera: Camera, seed: int = 0) -> NDArray[np.uint8]:
    shape = (camera.height, camera.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def pair_of(camera: Camera, reason: str = '') -> FramePair:
    first, second = (Frame(i * 10**8, picture(camera, i), camera) for i in range(2))
    return FramePair(second, second, reason) if reason else FramePair(second, first, '', 0.1)
