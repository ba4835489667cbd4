# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Batch norms folded into convolutions."""

from __future__ import annotations

import pytest
import torch
from estimators import HEIGHT, WIDTH, random_network
from torch import nn

from mdepth_ros.networks import NetworkConfig
from mdepth_ros.networks.fusion import fused


@pytest.mark.parametrize('encoder', ['resnet18', 'resnet50'])
def test_folding_the_batch_norms_changes_nothing(encoder: str) -> None:
    network = random_network(NetworkConfig(encoder=encoder, width=0.125))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    quick = fused(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    images = torch.rand(2, 2, 3, HEIGHT, WIDTH)
    with torch.inference_mode():
        (wanted, *_), motion = network(*images)
        (got, *_), quick_motion = quick(*images)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(quick_motion, motion, rtol=1e-3, atol=1e-6)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
