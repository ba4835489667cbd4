# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from mdepth_training.methods.dynamic_regions.motion import (
    MotionNetwork,
    correlation_pyramid,
    look_up,
)
from torch.nn.functional import interpolate

from mdepth_ros.geometry import pixel_grid


def test_shapes_and_a_start_near_nothing() -> None:
    for channels, iterations in ((2, 1), (3, 3)):
        torch.manual_seed(0)
        network = MotionNetwork(channels, iterations)
        motion = network(torch.rand(2, 3, 64, 96), torch.rand(2, 3, 64, 96))
        assert motion.shape == (2, channels, 64, 96)
        assert motion.abs().max() < 0.05


def test_all_parts_learn() -> None:
    for iterations in (1, 2):
        network = MotionNetwork(2, iterations)
        network(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)).square().sum().backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name


def test_the_correlation_is_a_scalar_product() -> None:
    first, second = torch.rand(1, 5, 4, 6), torch.rand(1, 5, 4, 6)
    finest = correlation_pyramid(first, second)[0]
    assert finest.shape == (24, 1, 4, 6)
    one, other = (
        (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), correction=0, keepdim=True)
        for x in (first, second)
    )
    wanted = (one[0, :, 2, 3] * other[0, :, 1, 5]).sum() / 5**0.5
    torch.testing.assert_close(finest[2 * 6 + 3, 0, 1, 5], wanted, atol=1e-3, rtol=1e-3)


def test_a_look_around_finds_where_the_other_image_is_alike() -> None:
    """Features that are one-hot in their place, shifted by two cells: the peak lies there."""
    places = torch.eye(8 * 12).view(1, 96, 8, 12)
    pyramid = correlation_pyramid(places, places.roll(2, -1))
    grid = pixel_grid(8, 12)[None]
    looked = look_up(pyramid, grid)[:, :49].view(1, 7, 7, 8, 12)
    inner = looked[0, :, :, 4, 5].flatten()
    assert divmod(int(inner.argmax()), 7) == (3, 5)  # row and column of the window of -3 to 3


def test_it_learns_a_shift() -> None:
    torch.manual_seed(0)
    network = MotionNetwork(2, hidden=32)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for step in range(90):
        noise = interpolate(torch.rand(2, 3, 16, 16), (64, 64), mode='bicubic')
        shift = (step % 3 - 1) * 8
        motion = network(noise, noise.roll(shift, -1))
        wanted = torch.tensor([shift / 8.0, 0.0]).view(1, 2, 1, 1)
        loss = (motion - wanted)[..., 16:-16].square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-6:]) < 0.5 * sum(losses[:6])
