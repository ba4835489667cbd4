# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Motion of every pixel, as RAFT finds it (Teed and Deng 2020), small and with few iterations.

Mining Supervision, Eq. 7: from the reference, rigidly warped into the other view, to that view.
What differs is what moves by itself. It starts from random weights and learns with the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.geometry import pixel_grid
from mdepth_ros.geometry import sample as sampled

SHRINK = 8
LEVELS, RADIUS = 3, 3


class Features(nn.Sequential):
    """Images [B, 3, H, W] -> features [B, channels, H/8, W/8].

    The first layer looks at 7x7 pixels and keeps every fourth: finer layers are most of the cost
    of a step, and one cell of the correlations is 8 pixels wide.
    """

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__(
            *convolution(3, width, 7, 4),
            *convolution(width, 2 * width, 3, 2),
            *convolution(2 * width, 2 * width, 3, 1),
            nn.Conv2d(2 * width, channels, 1),
        )


def convolution(before: int, after: int, size: int, stride: int) -> list[nn.Module]:
    """A convolution that keeps the size but for its stride, normalised, with ReLU."""
    return [
        nn.Conv2d(before, after, size, stride, size // 2),
        nn.GroupNorm(8, after),
        nn.ReLU(),
    ]


class ConvGRU(nn.Module):
    """A gated recurrent unit of 3x3 convolutions."""

    def __init__(self, hidden: int, inputs: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(hidden + inputs, 2 * hidden, 3, padding=1)
        self.proposal = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)

    def forward(self, state: Tensor, given: Tensor) -> Tensor:
        """State [B, hidden, h, w] after what is given [B, inputs, h, w]."""
        update, reset = self.gates(torch.cat([state, given], 1)).sigmoid().chunk(2, 1)
        proposed = self.proposal(torch.cat([reset * state, given], 1)).tanh()
        blended: Tensor = (1 - update) * state + update * proposed
        return blended


class MotionNetwork(nn.Module):
    """What moves by itself between two views, [B, channels, H, W] at the first view's pixels.

    channels    2: pixels times depth (the authors' code); 3: a translation (the paper)
    iterations  of the update; one is what the authors' code does

    Its last layer starts near zero: at first almost nothing moves.
    """

    def __init__(self, channels: int, iterations: int = 1, hidden: int = 48) -> None:
        super().__init__()
        self.iterations, self.hidden = iterations, hidden
        self.features = Features(hidden)
        self.context = Features(2 * hidden)
        looked = LEVELS * (2 * RADIUS + 1) ** 2
        self.correlated = nn.Conv2d(looked, hidden, 1)
        # Where to look next, in cells, and where it looks; one iteration looks where it stands.
        self.flow = head(hidden, 2) if iterations > 1 else None
        self.moved = nn.Conv2d(2, hidden // 2, 3, padding=1) if iterations > 1 else None
        self.gru = ConvGRU(hidden, 2 * hidden + (hidden // 2 if iterations > 1 else 0))
        self.motion = head(hidden, channels)
        # How each fine pixel is mixed of its 3x3 coarse neighbours.
        self.mixture = nn.Conv2d(hidden, 9 * SHRINK**2, 1)

    def forward(self, warped: Tensor, other: Tensor) -> Tensor:
        """Both [B, 3, H, W] in 0..1, H and W multiples of 32."""
        first, second = (self.features(2 * image - 1) for image in (warped, other))
        state, context = self.context(2 * warped - 1).chunk(2, 1)
        state, context = state.tanh(), context.relu()
        pyramid = correlation_pyramid(first, second)
        height, width = first.shape[-2:]
        grid = pixel_grid(height, width, first.device).expand(len(first), -1, -1, -1)
        flow = torch.zeros_like(grid).permute(0, 3, 1, 2)
        for _ in range(self.iterations):
            looked = look_up(pyramid, grid + flow.permute(0, 2, 3, 1))
            given = [context, self.correlated(looked).relu()]
            if self.moved is not None:
                given.append(self.moved(flow).relu())
            state = self.gru(state, torch.cat(given, 1))
            if self.flow is not None:
                flow = flow + self.flow(state).float()
        return self._enlarged(self.motion(state).float(), state)

    def _enlarged(self, motion: Tensor, state: Tensor) -> Tensor:
        """Convex combinations of neighbours: [B, C, h, w] -> [B, C, 8 h, 8 w]."""
        b, c, h, w = motion.shape
        mixture = self.mixture(state).float().view(b, 1, 9, SHRINK**2, h, w).softmax(2)
        parts = functional.unfold(functional.pad(motion, (1,) * 4, mode='replicate'), 3)
        mixed = (mixture * parts.view(b, c, 9, 1, h, w)).sum(2)
        return functional.pixel_shuffle(mixed.reshape(b, c * SHRINK**2, h, w), SHRINK)


def head(hidden: int, outputs: int) -> nn.Sequential:
    """Two convolutions to outputs that start near zero."""
    last = nn.Conv2d(hidden, outputs, 3, padding=1)
    nn.init.normal_(last.weight, std=1e-3)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(), last)


def correlation_pyramid(first: Tensor, second: Tensor) -> list[Tensor]:
    """How alike all pairs of cells are: [B h w, 1, h, w], then half of it, and so on.

    features [B, C, h, w] each; the scalar product over sqrt(C) of features without their mean:
    with it all cells are alike at the start, and nothing is learned for long.
    """
    b, c, h, w = first.shape
    with torch.autocast(first.device.type, enabled=False):
        one, other = (functional.instance_norm(f.float()).flatten(2) for f in (first, second))
        alike = one.transpose(1, 2) @ other
    levels = [(alike / c**0.5).view(b * h * w, 1, h, w)]
    while len(levels) < LEVELS and min(levels[-1].shape[-2:]) > 1:
        levels.append(functional.avg_pool2d(levels[-1], 2, ceil_mode=True))
    while len(levels) < LEVELS:
        levels.append(levels[-1])
    return levels


def look_up(pyramid: list[Tensor], places: Tensor) -> Tensor:
    """The correlations around places [B, h, w, 2] -> [B, levels (2 r + 1)^2, h, w]."""
    b, h, w = places.shape[:3]
    reach = torch.arange(-RADIUS, RADIUS + 1, device=places.device, dtype=places.dtype)
    around = torch.stack(torch.meshgrid(reach, reach, indexing='xy'), -1)
    found = []
    for level, alike in enumerate(pyramid):
        centre = (places.reshape(-1, 1, 1, 2) + 0.5) / 2**level - 0.5
        found.append(sampled(alike, centre + around, 'zeros').view(b, h, w, -1))
    return torch.cat(found, -1).permute(0, 3, 1, 2)
