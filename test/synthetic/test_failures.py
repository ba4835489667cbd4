# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The generated failures are what they say, and begin and end where they should."""

from __future__ import annotations

import math

import pytest
import torch
from synthetic import failures
from torch import Tensor

from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import Drive, WorldConfig, make_drive

CAMERA = Camera(128, 40, 74.0, 74.0, 63.5, 19.5)
FIRST, LAST = 3, 6


@pytest.fixture(scope='module')
def drive() -> Drive:
    return make_drive(2, 9, CAMERA, WorldConfig(supersample=1))


@pytest.fixture(scope='module')
def images(drive: Drive) -> Tensor:
    return drive.render(range(9)).image


@pytest.mark.parametrize('failure', [failures.frozen, failures.black, failures.covered])
def test_images_fail_from_first_until_last_alone(failure, images: Tensor) -> None:
    failed = failure(images, FIRST, LAST)
    assert failed.shape == images.shape and failed.dtype == torch.uint8
    changed = (failed != images).flatten(1).any(1)
    assert changed.nonzero()[:, 0].tolist() == [3, 4, 5]


def test_images_freeze_go_black_and_lose_their_detail(images: Tensor) -> None:
    frozen = failures.frozen(images, FIRST, LAST)
    assert all(torch.equal(frozen[i], images[2]) for i in range(FIRST, LAST))
    assert failures.black(images, FIRST, LAST)[FIRST:LAST].max() == 0
    covered = failures.covered(images, FIRST, LAST).float()
    detail = (covered[:, :, 1:] - covered[:, :, :-1]).abs().mean((1, 2, 3))
    assert detail[FIRST:LAST].max() < 0.5 * detail[:FIRST].min()
    assert covered[FIRST:LAST].std() > 5  # it is not just grey
    change = (covered[4] - covered[3]).abs().mean()
    assert change < 0.3 * (covered[2] - covered[1]).abs().mean()


def test_a_cut_is_another_scene_from_one_frame_on(images: Tensor) -> None:
    other = make_drive(5, 9, CAMERA, WorldConfig(supersample=1)).render(range(9)).image
    joined = failures.cut(images, other, 4)
    assert torch.equal(joined[:4], images[:4]) and torch.equal(joined[4:], other[4:])


def test_a_spun_camera_turns_once_in_its_place_and_looks_ahead_again(drive: Drive) -> None:
    spun = failures.spun(drive, FIRST, LAST)
    assert torch.equal(spun.poses[:, :3, 3], drive.poses[:, :3, 3])
    torch.testing.assert_close(spun.poses[LAST:], drive.poses[LAST:])
    assert torch.equal(spun.poses[:FIRST], drive.poses[:FIRST])
    turn = drive.poses[:, :3, :3].mT @ spun.poses[:, :3, :3]
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(9, dtype=torch.float64))
    angle = torch.atan2(turn[FIRST:LAST, 0, 2], turn[FIRST:LAST, 0, 0])
    expected = torch.tensor([90.0, 180.0, -90.0], dtype=torch.float64).deg2rad()
    assert (torch.remainder(angle - expected + 1, 2 * math.pi) - 1).abs().max() < 1e-6
    view = spun.render([4])
    motion = torch.linalg.inv(spun.poses[5]) @ spun.poses[4]
    assert motion[:3, :3].trace() < 1.1  # 90 degrees between two frames
    assert view.flow[0].isnan().float().mean() > 0.2  # much of it is behind the next view


@pytest.mark.parametrize('slope', [0.0, 0.05])
def test_a_train_fills_the_view_and_moves_across_it(slope: float) -> None:
    drive = make_drive(2, 9, CAMERA, WorldConfig(supersample=1, slope=slope))
    view = failures.blocked(drive, FIRST, LAST).render([2, 3, 4, 5, 6])
    share = view.moving.float().mean((1, 2))
    assert share[1:4].min() > 0.8 and share[[0, 4]].max() < 0.2
    number = drive.world.still + drive.world.tracks.shape[1] + 2
    train = view.instance[2] == number
    assert train.float().mean() > 0.8
    assert view.depth[2][train].min() > 1.5
    assert view.flow[2][0][train].mean() < -4  # to the left, in pixels
    assert not (view.instance[[0, 4]] == number).any()


def test_rain_stays_in_its_place_and_a_wiper_sweeps(images: Tensor) -> None:
    rain = failures.rained(images, FIRST, LAST).float()
    wet = ((rain - images.float()).abs().amax(-1) > 8)[FIRST:LAST]
    assert 0.05 < wet.float().mean() < 0.5
    assert (wet[0] & wet[1]).sum() > 0.5 * wet[0].sum()
    assert torch.equal(rain[:FIRST], images[:FIRST].float())
    wiped = failures.wiped(images, FIRST, LAST)
    blade = (wiped != images).any(-1)[FIRST:LAST].float()
    place = (blade * torch.arange(128)).sum((1, 2)) / blade.sum((1, 2))
    assert place[1] > place[0] + 15 and place[2] > place[1] + 15
    assert blade.mean((1, 2)).max() < 0.2


def test_a_tunnel_is_dark_but_for_its_lamps(drive: Drive, images: Tensor) -> None:
    dark = failures.tunnel(drive, images, FIRST, LAST)
    middle = dark[FIRST + 1].float()
    assert middle.median() < 0.1 * images.float().median() and middle.max() > 150
    assert dark[FIRST].float().mean() < 0.4 * images[FIRST].float().mean()
    assert torch.equal(dark[LAST:], images[LAST:]) and torch.equal(dark[:FIRST], images[:FIRST])


def test_a_shaken_camera_keeps_its_place_and_one_that_creeps_its_way(drive: Drive) -> None:
    shaken = failures.shaken(drive, 1.0)
    assert torch.equal(shaken.poses[:, :3, 3], drive.poses[:, :3, 3])
    turn = drive.poses[:, :3, :3].mT @ shaken.poses[:, :3, :3]
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3).double().expand(9, 3, 3))
    cosine = (turn.diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2
    angle = torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))
    assert angle.mean() > 0.3 and angle.max() < 2**0.5
    slow = failures.creeping(drive, 0.3)
    steps = (slow.poses[1:] - slow.poses[:-1])[:, :3]
    torch.testing.assert_close(steps[..., 3].norm(dim=1), torch.full((8,), 0.03).double())
    assert (steps[..., :3] == 0).all() and (steps[..., 3] @ slow.poses[0, :3, 2] > 0.029).all()


def test_a_lorry_is_where_it_is_put(drive: Drive) -> None:
    along = torch.full((9,), 8.0, dtype=torch.float64)
    view = failures.lorry(drive, along, 0 * along).render([0, 4])
    number = drive.world.still + drive.world.tracks.shape[1] + 2
    for instance, depth in zip(view.instance, view.depth, strict=True):
        lorry = instance == number
        assert lorry.float().mean() > 0.2 and abs(lorry.nonzero()[:, 1].float().mean() - 64) < 8
        assert depth[lorry].min() == pytest.approx(8.0 - 4.2, abs=0.2)
