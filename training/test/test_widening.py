# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Widening: the same outputs, and repeats that part."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mdepth_training.widening import widened

from mdepth_ros.networks import JointDepthPose, NetworkConfig

NARROW, WIDE = 0.25, 0.625


def trained_looking(config: NetworkConfig) -> JointDepthPose:
    """A network whose norms, beta and gate are not those of a fresh one."""
    torch.manual_seed(0)
    network = JointDepthPose(config)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if 'num_batches' not in name and (value.ndim < 2):
                value.add_(0.1 + 0.2 * torch.rand_like(value))
    return network.eval()


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'attention': 'pairwise', 'cues_gate': False},
        {'attention': 'none', 'cues': False, 'motion': 'posecnn'},
        {'encoder': 'resnet50'},
        {'decoder': 'dense'},
    ],
)
def test_says_what_the_narrow_network_says(options: dict[str, Any]) -> None:
    narrow = trained_looking(NetworkConfig(width=NARROW, **options))
    wide = JointDepthPose(NetworkConfig(width=WIDE, **options)).eval()
    wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict()))
    frames = torch.rand(2, 1, 3, 64, 96)
    with torch.no_grad():
        ours, theirs = wide(*frames), narrow(*frames)
    for a, b in zip([*ours[0], ours[1]], [*theirs[0], theirs[1]], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    assert ours[0][0].std() > 1e-4, 'nothing to compare'


def test_repeats_learn_different_things() -> None:
    narrow = trained_looking(NetworkConfig(width=NARROW))
    wide = JointDepthPose(NetworkConfig(width=WIDE))
    weights = widened(narrow.state_dict(), wide.state_dict())
    assert list(weights) == list(narrow.state_dict()), 'the same seed must draw the same'
    wide.load_state_dict(weights)
    disparities, pose = wide(*torch.rand(2, 2, 3, 64, 96))
    (sum(d.square().mean() for d in disparities) + pose.sum()).backward()
    few = narrow.depth_encoder.conv1.out_channels
    gradient = wide.depth_encoder.conv1.weight.grad
    assert gradient is not None
    repeated = len(gradient) - few
    torch.testing.assert_close(
        wide.depth_encoder.conv1.weight[:repeated], wide.depth_encoder.conv1.weight[few:]
    )
    apart = (gradient[:repeated] - gradient[few:]).norm() / gradient[few:].norm()
    assert apart > 0.05
