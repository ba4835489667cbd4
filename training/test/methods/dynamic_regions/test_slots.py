# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Slots part what moves by the way it moves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mdepth_training.methods.dynamic_regions.objects import ObjectRules, components
from mdepth_training.methods.dynamic_regions.slot_network import (
    SLOTS,
    Seen,
    SlotNetwork,
    SlotWeights,
    slot_inputs,
    slot_loss,
    slot_noise,
    slots_of,
)

WHOLE = SlotWeights(still=0.05, blank=1.0, empty=0.002, surely=True)


def blobs(seed: int, frames: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs [B, 4, 16, 16] of two blobs that move against each other, and their ids."""
    random = np.random.default_rng(seed)
    flow, depth = torch.zeros(frames, 2, 16, 16), torch.full((frames, 1, 16, 16), 20.0)
    ids = torch.zeros(frames, 1, 16, 16, dtype=torch.uint8)
    for i in range(frames):
        angle = random.uniform(0, 2 * math.pi)
        for thing in (1, 2):
            top, left = random.integers(1, 9), random.integers(0, 3) + 8 * (thing - 1)
            place = i, slice(None), slice(top, top + 6), slice(left, left + 5)
            way = angle + math.pi * (thing - 1) + random.uniform(-0.5, 0.5)
            flow[place] = torch.tensor([math.cos(way), math.sin(way)])[:, None, None]
            depth[place], ids[place] = random.uniform(4, 12), thing
    return slot_inputs(3 * flow, depth, ids > 0), ids


@pytest.mark.parametrize('masks', ['attended', 'drawn'])
def test_slots_in_another_order_give_masks_in_that_order(masks: str) -> None:
    torch.manual_seed(0)
    network, order = SlotNetwork(8, masks), [0, 3, 1, 4, 2]  # type: ignore[arg-type]
    inputs, _ = blobs(0, 2)
    noise = slot_noise(2)
    with torch.no_grad():
        first, other = network(inputs, noise), network(inputs, noise[:, order])
    torch.testing.assert_close(other.masks, first.masks[:, order])
    torch.testing.assert_close(other.surely, first.surely[:, order])
    torch.testing.assert_close(first.masks.sum(1), torch.ones(2, 16, 16))
    assert (first.masks[:, 1] - first.masks[:, 2]).abs().max() > 1e-3


@pytest.mark.parametrize(('masks', 'drawn'), [('attended', (1, 1)), ('drawn', (18, 21))])
def test_all_of_it_learns_at_any_size(masks: str, drawn: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = SlotNetwork(8, masks)  # type: ignore[arg-type]
    inputs, still = torch.rand(2, 4, 18, 21), torch.rand(2, 1, 18, 21)
    seen = network(inputs, slot_noise(2))
    assert seen.masks.shape == (2, SLOTS, 18, 21) and seen.z.shape == (2, SLOTS - 1)
    assert seen.drawn.shape == (2, SLOTS, 4, *drawn)
    slot_loss(seen, inputs, still, WHOLE).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_motion_is_a_colour_and_what_stands_is_white() -> None:
    flow = torch.zeros(1, 2, 4, 4)
    flow[0, :, 0, 0] = torch.tensor([2.0, 0.0])  # to the right: red
    flow[0, :, 0, 1] = torch.tensor([-1.0, 0.0])  # to the left: its complement, and paler
    moves = flow.abs().sum(1, keepdim=True) > 0
    depth = torch.full((1, 1, 4, 4), 30.0)
    depth[..., 0, :2] = torch.tensor([5.0, 10.0])
    found = slot_inputs(flow, depth, moves)[0]
    full = 2 * 1.5  # twice the mean motion
    expected = [1.0, 1 - 1.5 * 2 / full, 1 - 1.5 * 2 / full, math.expm1(0.5) / math.expm1(1)]
    torch.testing.assert_close(found[:, 0, 0], torch.tensor(expected))
    expected = [1 - 2 / full, 1 - 0.5 / full, 1 - 0.5 / full, 1.0]
    torch.testing.assert_close(found[:, 0, 1], torch.tensor(expected))
    assert (found[:, 1:] == 1).all()
    nothing = slot_inputs(flow, depth, moves & False, 2)
    assert nothing.shape == (1, 4, 2, 2) and (nothing == 1).all()


def test_empty_slots_have_no_mask() -> None:
    masks = torch.tensor([0.2, 0.8, 0.0, 0.0, 0.0])[None, :, None, None]
    one = Seen(masks, masks, torch.ones(1, 4))
    torch.testing.assert_close(one.surely, masks)
    empty = Seen(masks, masks, torch.zeros(1, 4))
    torch.testing.assert_close(empty.surely[0, :, 0, 0], torch.tensor([1.0, 0, 0, 0, 0]))
    shared = masks[:, [2, 1, 1, 1, 1]] / 3.2
    both = Seen(shared, shared, torch.tensor([[1.0, 1.0, 0.0, 0.0]])).surely
    torch.testing.assert_close(both[0, :, 0, 0], torch.tensor([0.75, 0.125, 0.125, 0, 0]))


def test_a_pixel_is_of_the_slot_that_has_most_of_it() -> None:
    masks = torch.tensor([[0.7, 0.1, 0.2, 0, 0], [0.8, 0.1, 0.1, 0, 0]])[..., None, None]
    assert slots_of(masks, torch.ones(2, 4)).flatten().tolist() == [2, 0]
    empty = torch.tensor([1.0, 0.1, 1.0, 1.0]).expand(2, 4)
    assert slots_of(masks, empty).flatten().tolist() == [1, 0]


def test_two_that_move_in_two_ways_are_parted() -> None:
    """Masks of a short run, against the blobs, which it never sees."""
    torch.manual_seed(0)
    network = SlotNetwork(8)
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    for step in range(100):
        inputs, ids = blobs(step)
        seen = network(inputs, slot_noise(len(inputs)))
        loss = slot_loss(seen, inputs, (ids == 0).float(), SlotWeights(still=0.05))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    inputs, ids = blobs(1000, 16)
    with torch.no_grad():
        seen = network(inputs, slot_noise(16))
    slots = slots_of(seen.masks, seen.z)
    assert ((slots == 0) == (ids == 0)).float().mean() > 0.95
    parted = 0
    for slot, thing in zip(slots, ids, strict=True):
        first, second = (slot[thing == k].mode().values.item() for k in (1, 2))
        parted += first != second
    assert parted >= 14


def test_slots_cut_things_that_touch() -> None:
    moves, ground, slots = (np.zeros((96, 320), bool) for _ in range(3))
    moves[40:60, 100:160], ground[60:] = True, True
    depth, slots = np.full((96, 320), 8.0, np.float32), slots.astype(np.uint8)
    slots[40:60, 100:130], slots[40:60, 130:150] = 1, 3
    slots[40:60, 200:220] = 3  # does not move
    assert components(moves, depth, ground, ObjectRules()).max() == 1
    found = components(moves, depth, ground, ObjectRules(), slots)
    assert (found[40:60, 100:130] == 1).all() and (found[40:60, 130:150] == 2).all()
    assert found.max() == 2 and not found[:, 150:].any()
    slots[50, 110:115] = 0
    slots[slots == 3] = 1
    slots[:, 125:135] = 0  # of one slot, in two parts
    assert components(moves, depth, ground, ObjectRules(), slots).max() == 2
