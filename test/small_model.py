# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network small enough for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig


def write_model(path: Path, **changes: Any) -> Path:
    """One with random weights, for images of 96x64; 4 m per unit; `changes` of its card."""
    torch.manual_seed(0)
    network = JointDepthPose(NetworkConfig(width=0.125, disparity_bias=-3.0))
    fields = {
        'name': 'small',
        'network': network.config,
        'input_size': (64, 96),
        'camera': (100 / 120, 100 / 80, 0.5, 0.5),
        'frame_interval': 0.1,
        'metres_per_unit': 4.0,
        'method': 'none',
        'data': 'none',
        'licence': 'Apache-2.0',
    }
    save_model(path, network, ModelCard(**{**fields, **changes}))
    return path
