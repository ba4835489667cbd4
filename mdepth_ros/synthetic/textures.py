# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Procedural textures that stick to surfaces and fade where a pixel cannot resolve them."""

import torch
from torch import Tensor

from mdepth_ros.synthetic.scene import OCTAVES

TABLE = 128  # texels per side of the noise table, which repeats
LACUNARITY = 2.9
COARSEST = 0.4  # texels per metre of the first octave: features of about 5 m


class Noise:
    """Value noise in octaves: bilinear look-ups in one table of random numbers in -1..1."""

    def __init__(self, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(20260101)
        table = torch.rand(TABLE, TABLE, generator=generator) * 2 - 1
        table = torch.cat([table, table[:1]], 0)
        table = torch.cat([table, table[:, :1]], 1)
        self.table = table[None, None].to(device)
        frequency = COARSEST * LACUNARITY ** torch.arange(OCTAVES, dtype=torch.float32)
        self.frequency = frequency[:, None].to(device)
        self.shift = (torch.arange(OCTAVES) * 0.2945)[:, None].to(device)

    def layers(
        self, u: Tensor, v: Tensor, footprint: Tensor, first: int = 0, count: int = OCTAVES
    ) -> Tensor:
        """Octaves [count, N], from number `first` on, at surface coordinates u, v [N] in metres.

        footprint: size [N] of a pixel on the surface in metres. An octave fades out before the
        pixel is as large as its texels.
        """
        some = slice(first, first + count)
        f, shift = self.frequency[some], self.shift[some]
        x = torch.addcmul(shift, u, f / TABLE)
        y = torch.addcmul(-shift, v, f / TABLE)
        grid = torch.stack([x.sub_(x.floor()), y.sub_(y.floor())], -1)
        grid = grid.mul_(2 * TABLE / (TABLE + 1)).add_(1 / (TABLE + 1) - 1)
        noise = torch.nn.functional.grid_sample(
            self.table, grid[None], mode='bilinear', padding_mode='border', align_corners=False
        )[0, 0]
        return noise.mul_((footprint * (-1.4 * f)).add_(1.4).clamp_(0.0, 1.0))


def coverage(distance: Tensor, footprint: Tensor) -> Tensor:
    """Share of a pixel inside an edge; distance: metres inside (negative outside) [N]."""
    return (distance / footprint + 0.5).clamp(0.0, 1.0)


def grid_pattern(
    u: Tensor, v: Tensor, footprint: Tensor, period: Tensor, part: Tensor, shift: Tensor
) -> Tensor:
    """Share [N] of each pixel that a grid of rectangles covers; the fields of Material.

    Where a pixel is as large as a period it gets the mean share.  period, part: [2, N].
    """
    row = v / period[1]
    column = u / period[0] + shift * row.round()
    share = torch.ones_like(u)
    for cell, size, covered in (
        (column - column.round(), period[0], part[0]),
        (row - row.round(), period[1], part[1]),
    ):
        sharp = coverage((covered / 2 - cell.abs()) * size, footprint)
        sharp = torch.where(covered >= 1.0, torch.ones_like(sharp), sharp)
        blur = (2 * footprint / size - 0.5).clamp(0.0, 1.0)
        share = share * (sharp + blur * (covered - sharp))
    return share
