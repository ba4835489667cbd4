# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Attention on the map of pose votes: HAM (arXiv 2006.09876, eq. 7-8), and CAM beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mdepth_ros.networks.layers import FloatConv2d

READINGS = ('elementwise', 'pairwise', 'gate')
ATTENTIONS = ('none', *READINGS, 'channel')


def make_attention(name: str, channels: int) -> nn.Module | None:
    """Return the attention of this name in ATTENTIONS; 'none' gives None."""
    if name == 'none':
        return None
    return ChannelAttention() if name == 'channel' else HAM(channels, name)


class HAM(nn.Module):
    """x + beta * (s . V(x)), s = exp(-|K(x) - Q(x)|^2 / (2 delta^2)), delta 0.5, beta 0 at first.

    Q, K and V are 3x3 convolutions with bias, without norm or activation. The paper leaves the
    shape of s open; `reading` says which is meant:

    elementwise  s has the shape of x: each vote of each channel is weighted by itself
    pairwise     s is [hw, hw], rows normalised to one: each place is told what alike places say
    gate         s is [1, h, w], the norm runs over the channels: one weight per place

    All are the identity while beta is 0, and give beta a gradient there. Float32 throughout.
    """

    def __init__(self, channels: int, reading: str = 'elementwise', delta: float = 0.5) -> None:
        super().__init__()
        if reading not in READINGS:
            raise ValueError(f'unknown attention {reading!r}: one of {", ".join(READINGS)}')
        self.reading = reading
        self.sharpness = 1 / (2 * delta**2)
        self.query = FloatConv2d(channels, channels, 3, padding=1)
        self.key = FloatConv2d(channels, channels, 3, padding=1)
        self.value = FloatConv2d(channels, channels, 3, padding=1)
        self.beta = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] -> float32 [B, C, h, w]."""
        query, key, value = self.query(x), self.key(x), self.value(x)
        if self.reading == 'pairwise':
            weighted = self._pairwise(query.flatten(2), key.flatten(2), value.flatten(2))
            weighted = weighted.view_as(value)
        else:
            distance = (key - query).square()
            if self.reading == 'gate':
                distance = distance.sum(1, keepdim=True)
            weighted = torch.exp(-self.sharpness * distance) * value
        return x + self.beta.float() * weighted

    def _pairwise(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """[B, C, n] each -> [B, C, n].

        A normalised row of exp(-|q-k|^2 c) is a softmax over k of c (2 q.k - |k|^2): |q|^2 is the
        same in the whole row and cancels.
        """
        with torch.autocast(query.device.type, enabled=False):
            alike = 2 * query.transpose(1, 2) @ key - key.square().sum(1, keepdim=True)
            weights = torch.softmax(self.sharpness * alike, dim=2)
            return value @ weights.transpose(1, 2)


class ChannelAttention(nn.Module):
    """x + beta * A x, where channels take from each other (CAM of table VI; arXiv 1809.02983).

    A [C, C] has rows softmax(max(E) - E) of the energies E = X X^T / sqrt(hw), X = x as [C, hw]:
    a channel takes most from those that are least like it. The maximum cancels in the softmax.
    beta is 0 at first. Float32 throughout.
    """

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] -> float32 [B, C, h, w]."""
        with torch.autocast(x.device.type, enabled=False):
            rows = x.float().flatten(2)
            energy = rows @ rows.transpose(1, 2) / rows.shape[2] ** 0.5
            mixed = torch.softmax(-energy, dim=2) @ rows
        return x.float() + self.beta.float() * mixed.view_as(x)
