# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the synthetic world, and the random numbers that it is made from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar('Item')


@dataclass(frozen=True)
class WorldConfig:
    """What a drive looks like and how it is driven.

    appearance: 0 = plain road, 1 = broadly randomised; values between widen the ranges. Above 0
    there are also wide avenues, vehicles that queue, cast shadows and closed views.
    moving: amount of moving traffic; 0 = a static world.
    frame_interval: seconds between frames.  speed: slowest and fastest cruising speed in m/s.
    yaw_rate: largest turning speed in degrees per second.
    standing: probability that a drive contains a stop (the camera stands for some seconds).
    supersample: image samples per pixel side; geometry is always that of the pixel centre.
    slope: how steep the road is at its steepest, in metres per metre (0.05 is 5 %); 0 = a flat
    world. With it the same drive leads over hills.
    """

    appearance: float = 0.0
    moving: float = 1.0
    frame_interval: float = 0.1
    speed: tuple[float, float] = (3.0, 15.0)
    yaw_rate: float = 25.0
    standing: float = 0.0
    supersample: int = 2
    slope: float = 0.0


class Random:
    """Seeded random numbers; `stream` keeps the parts of a drive independent of each other."""

    def __init__(self, seed: int, stream: int, appearance: float = 0.0) -> None:
        mixed = (seed * 0x9E3779B97F4A7C15 + stream * 0xBF58476D1CE4E5B9) % 2**63
        self.generator = torch.Generator().manual_seed(mixed)
        self.appearance = appearance

    def uniform(self, low: float, high: float) -> float:
        """Return a number in low..high."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def widened(self, plain: tuple[float, float], wide: tuple[float, float]) -> float:
        """Return a number from a range between `plain` and `wide`, as appearance says."""
        low, high = (p + (w - p) * self.appearance for p, w in zip(plain, wide, strict=True))
        return self.uniform(low, high)

    def chance(self, plain: float, wide: float) -> bool:
        """Return True with a probability between `plain` and `wide`, as appearance says."""
        return self.widened((plain, plain), (wide, wide)) > self.uniform(0.0, 1.0)

    def choice(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[int(torch.randint(len(items), (), generator=self.generator))]


class Wave:
    """Smooth noise over time, about -1..1: sinusoids with periods in a range of seconds."""

    def __init__(self, random: Random, periods: tuple[float, float], terms: int = 4) -> None:
        self.terms = [
            (2 * math.pi / random.uniform(*periods), random.uniform(0, 2 * math.pi))
            for _ in range(terms)
        ]

    def __call__(self, time: Tensor) -> Tensor:
        """Return the value at each time in seconds."""
        waves = [torch.sin(rate * time + phase) for rate, phase in self.terms]
        return torch.stack(waves).sum(0) / (0.6 * len(waves))
