# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Slot attention: motion and depth are explained by a few slots, each of them one thing.

Mining Supervision, 1.1; slots are those of Locatello et al. 2020 (Alg. 1). Slot 0 is what stands
still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOTS, DIM, ITERATIONS = 5, 64, 3
SHRINK = 16
"""The decoder begins with cells of so many pixels."""
KEPT = 0.01
"""What z of an empty slot is drawn to (the authors' code)."""


@dataclass(frozen=True)
class Seen:
    """What the slots see in B inputs of h x w; masks are of all slots, the still one first.

    masks  [B, 5, h, w], their sum is 1
    drawn  colours and depth of each slot [B, 5, 4, h, w], or one of each, [B, 5, 4, 1, 1]
    z      whether there is something in each slot but the first [B, 4], in 0..1
    """

    masks: Tensor
    drawn: Tensor
    z: Tensor

    @property
    def surely(self) -> Tensor:
        """Masks [B, 5, h, w] without those of empty slots: (z m)^2 / sum(z m), the rest is still.

        Sharper too: where two slots are half each, half is still.
        """
        things = self.z[..., None, None] * self.masks[:, 1:]
        things = things.square() / things.sum(1, keepdim=True).clamp(min=1e-6)
        return torch.cat([1 - things.sum(1, keepdim=True), things], 1)


class SlotNetwork(nn.Module):
    """Inputs [B, 4, h, w] as `slot_inputs` makes them -> `Seen`, any h and w.

    channels  of all convolutions
    masks     `drawn` by the decoder (the paper), or where the slots looked at last: `attended`
    """

    def __init__(
        self, channels: int = 64, masks: Literal['drawn', 'attended'] = 'attended'
    ) -> None:
        super().__init__()
        self.which = masks
        layers: list[nn.Module] = []
        for before in (4, channels, channels, channels):
            layers += [nn.Conv2d(before, channels, 5, padding=2), nn.LeakyReLU()]
        self.encoder = nn.Sequential(*layers)
        self.encoder_place = nn.Linear(4, channels)
        self.features = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, DIM), nn.ReLU(), nn.Linear(DIM, DIM)
        )
        self.attention = SlotAttention()
        if masks == 'drawn':
            self.decoder_place = nn.Linear(4, DIM)
            self.decoder = decoder(channels)
        self.filled = nn.Sequential(nn.Linear(2 * DIM, DIM), nn.ReLU(), nn.Linear(DIM, 1))

        for layer in self.modules():  # else place drowns what a pixel shows, and slots draw alike
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(layer.weight, 0.01)

    def forward(self, inputs: Tensor, noise: Tensor) -> Seen:
        """See the inputs. noise [B, 5, DIM], normal: the slots begin with it."""
        height, width = inputs.shape[-2:]
        features = self.encoder(1 - inputs).flatten(2).mT
        places = places_of(height, width).to(features)
        features = self.features(features + self.encoder_place(places))
        if self.which == 'drawn':
            slots, _ = self.attention(features, noise)
            masks, drawn = self.draw(slots, height, width)
        else:
            moves = (inputs < 1).any(1).flatten(1)
            slots, attention = self.attention(features, noise, moves)
            masks = attention.float().mT.unflatten(-1, (height, width))
            drawn = self.mean_of(inputs, masks)
        # Of a slot and of all slots together: the order of the slots means nothing.
        together = slots.mean(1, keepdim=True).expand(-1, SLOTS - 1, -1)
        z = self.filled(torch.cat([slots[:, 1:], together], 2)).float().sigmoid()
        return Seen(masks, drawn, z[..., 0])

    def draw(self, slots: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Masks [B, 5, h, w], and what is seen of each slot [B, 5, 4, h, w]."""
        rows, columns = -(-height // SHRINK), -(-width // SHRINK)
        places = self.decoder_place(places_of(rows, columns).to(slots))
        cells = (slots[:, :, None] + places).flatten(0, 1).mT.unflatten(-1, (rows, columns))
        drawn = self.decoder(cells).float()[..., :height, :width].unflatten(0, slots.shape[:2])
        return drawn[:, :, 4].softmax(1), drawn[:, :, :4]

    @staticmethod
    def mean_of(inputs: Tensor, masks: Tensor) -> Tensor:
        """The mean colours and depth [B, 5, 4, 1, 1] of where each slot is."""
        weights = masks / masks.sum((2, 3), keepdim=True).clamp(min=1e-6)
        return torch.einsum('bkhw,bchw->bkc', weights, inputs.float())[..., None, None]


def decoder(channels: int) -> nn.Sequential:
    """Cells [B, DIM, r, c] of a slot -> its colours, depth and mask [B, 5, 16 r, 16 c]."""
    layers: list[nn.Module] = []
    for before in (DIM, channels, channels, channels):
        layers += [
            nn.ConvTranspose2d(before, channels, 5, 2, padding=2, output_padding=1),
            nn.LeakyReLU(),
        ]
    layers += [nn.Conv2d(channels, channels, 5, padding=2), nn.LeakyReLU()]
    return nn.Sequential(*layers, nn.Conv2d(channels, 5, 3, padding=1))


def slot_noise(inputs: int, generator: torch.Generator | None = None) -> Tensor:
    """What the slots of so many inputs begin with [B, 5, DIM], normal.

    That of two slots is the opposite of two others': they begin at pixels that differ.
    """
    noise = torch.randn(inputs, SLOTS // 2 + 1, DIM, generator=generator)
    return torch.cat([noise, -noise[:, 1:]], 1)


class SlotAttention(nn.Module):
    """Slots take turns: each feature goes to the slots most like it, slots become these (Alg. 1).

    It starts as k-means of the features does, and learns from there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(0.3 * torch.randn(2, DIM))  # of what is still, and of the others
        self.log_deviation = nn.Parameter(torch.full((2, DIM), -1.0))
        self.inputs_norm, self.slots_norm = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.query, self.key, self.value = (nn.Linear(DIM, DIM, bias=False) for _ in range(3))
        for layer in (self.query, self.key, self.value):
            nn.init.eye_(layer.weight)
        self.update = nn.GRUCell(DIM, DIM)
        nn.init.eye_(self.update.weight_ih[-DIM:])
        self.mlp = nn.Sequential(
            nn.LayerNorm(DIM), nn.Linear(DIM, 2 * DIM), nn.ReLU(), nn.Linear(2 * DIM, DIM)
        )

    def forward(
        self, features: Tensor, noise: Tensor, moves: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Slots [B, 5, DIM] of features [B, N, DIM], and the share of each in each [B, N, 5].

        Slots begin with noise [B, 5, DIM], and where it is known what moves (bool [B, N]) those
        of things at one moving pixel each: the one most like their noise.
        """
        kind = torch.tensor([0] + [1] * (SLOTS - 1), device=features.device)
        slots = self.mean[kind] + self.log_deviation[kind].exp() * noise
        features = self.inputs_norm(features)
        if moves is not None:
            like = (features @ noise[:, 1:].mT).masked_fill(~moves[..., None], -1e9)
            first = like.argmax(1)[..., None].expand(-1, -1, DIM)
            slots = torch.cat([slots[:, :1], slots[:, 1:] + features.gather(1, first)], 1)
        keys, values = self.key(features), self.value(features)
        for _ in range(ITERATIONS):
            queries = self.query(self.slots_norm(slots)) / math.sqrt(DIM)
            attention = (keys @ queries.mT).softmax(-1)
            weights = (attention + 1e-8) / (attention + 1e-8).sum(1, keepdim=True)
            looked = weights.mT @ values
            slots = self.update(looked.flatten(0, 1), slots.flatten(0, 1)).view_as(slots)
            slots = slots + self.mlp(slots)
        return slots, attention


def places_of(height: int, width: int) -> Tensor:
    """Place of each pixel [height width, 4]: shares from the left, top, right and bottom."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing='ij')
    place = torch.stack([x, y], -1).flatten(0, 1)
    return torch.cat([place, 1 - place], 1)


def slot_inputs(flow: Tensor, depth: Tensor, moves: Tensor, shrink: int = 1) -> Tensor:
    """Motion as colours in -1..1, and depth in 0..1: [B, 4, H/shrink, W/shrink].

    flow [B, 2, H, W] in pixels; depth, moves [B, 1, H, W]. The hue is the direction, and full at
    twice the mean motion of what moves. Depth is exp(d) - 1 (d: over the largest depth of what
    moves), over its largest. What stands still is white, and as deep as the deepest.
    """
    moves = moves.float()
    size = flow.square().sum(1, keepdim=True).sqrt() * moves
    count = moves.sum((2, 3), keepdim=True).clamp(min=1)
    full = 2 * size.sum((2, 3), keepdim=True) / count
    strength = (size / full.clamp(min=1e-6)).clamp(max=1)
    angle = torch.atan2(flow[:, 1:], flow[:, :1])
    thirds = (2 * math.pi / 3) * torch.arange(3, device=flow.device)[:, None, None]
    colours = 1 - strength * (1 - (angle - thirds).cos())  # 1 is white, in -1..1
    deepest = (depth * moves).amax((2, 3), keepdim=True).clamp(min=1e-6)
    deep = torch.expm1(depth / deepest) / math.expm1(1)
    deep = torch.where(moves > 0, deep, 1.0)
    return functional.avg_pool2d(torch.cat([colours, deep], 1), shrink)


@dataclass(frozen=True)
class SlotWeights:
    """Of the losses in a step; those of later phases are zero before these begin.

    depth       of the depth, the colours have 1
    still       of what slot 0 must be: the cross entropy with what stands still
    blank       of what slot 0 draws: white, and, less, as deep as the deepest; 0 or 1
    empty       of the size of z
    surely      whether masks count without those of empty slots
    """

    depth: float = 0.2
    still: float = 0.0
    blank: float = 0.0
    empty: float = 0.0
    surely: bool = False


def slot_loss(seen: Seen, inputs: Tensor, still: Tensor, weights: SlotWeights) -> Tensor:
    """What the slots draw against the inputs, and slot 0 against what stands still.

    inputs [B, 4, h, w], still [B, 1, h, w] in 0..1. Slots that draw explain a pixel together;
    means do so one by one, or a mixture of two would do for two things. The cross entropy is
    plain: the authors squash the masks twice.
    """
    masks = seen.surely if weights.surely else seen.masks
    if seen.drawn.shape[-1] == 1:
        error = ((inputs[:, None] - seen.drawn).square() * masks[:, :, None]).sum(1)
    else:
        error = ((masks[:, :, None] * seen.drawn).sum(1) - inputs).square()
    loss = error[:, :3].mean() + weights.depth * error[:, 3:].mean()
    if weights.still:
        for of in (seen.masks, seen.surely) if weights.surely else (seen.masks,):
            share = of[:, :1].clamp(1e-6, 1 - 1e-6)
            loss = loss + weights.still * functional.binary_cross_entropy(share, still)
    if weights.blank:
        error = (seen.drawn[:, 0] - 1).square()
        loss = loss + weights.blank * (error[:, :3].mean() + 0.02 * error[:, 3:].mean())
    if weights.empty:
        loss = loss + weights.empty * (seen.z - KEPT).abs().mean()
    return loss


def slots_of(masks: Tensor, z: Tensor, least: float = 0.25) -> Tensor:
    """Which slot each pixel is of [B, 1, h, w] (uint8) by masks [B, 5, h, w]: 0 is still.

    Of those that move the one with the largest z m, where at least `least` of a pixel moves (the
    authors' threshold, which they have for the mask of each slot).
    """
    things = masks[:, 1:]
    slot = (z[..., None, None] * things).argmax(1, keepdim=True)
    return ((slot + 1) * (things.sum(1, keepdim=True) >= least)).to(torch.uint8)
