# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mdepth_training.data import (
    Key,
    StepOrder,
    Triplets,
    make_loader,
    open_drives,
    open_triplets,
)
from rich.console import Console

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import ImageSampler

SIZE = (32, 96)


def triplets_of(drives, cache: Path, **options) -> Triplets:
    options = {'skip_static': False, **options}
    return Triplets(drives, SIZE, 0.1, options.pop('skip_static'), cache=cache, **options)


def test_a_batch_is_what_the_files_show(make_drive, tmp_path: Path) -> None:
    first, second = make_drive('first'), make_drive('second', count=5)
    second = replace(second, camera=replace(second.camera, fx=80.0))
    triplets = triplets_of([first, second], tmp_path)
    assert len(triplets) == 4 + 3
    sample = triplets.batch([1, 6])
    assert sample.current.shape == (2, 3, *SIZE) and sample.current.dtype == torch.uint8
    for place, (drive, middle) in enumerate(((first, 2), (second, 3))):
        for view, frame in zip((sample.previous, sample.current, sample.following),
                               (middle - 1, middle, middle + 1), strict=True):  # fmt: skip
            rgb = torch.from_numpy(cv2.imread(str(drive.images[frame]))[..., ::-1].copy())
            sampler = ImageSampler(drive.camera, triplets.views[place])
            assert (view[place] - sampler(rgb)[0] * 255).abs().max() < 4
        torch.testing.assert_close(sample.K[place], triplets.views[place].matrix())
    assert sample.K[1, 0, 0] > sample.K[0, 0, 0]
    assert triplets.camera == pytest.approx(triplets.views[0].normalised)
    assert triplets.description == '7 triplets 0.1 s apart from 2 drives (first, second)'


def test_the_second_camera_has_the_camera_of_the_drive(kitti_raw: Path) -> None:
    drives = open_drives([kitti_raw], stereo=True, cache=kitti_raw)
    narrow = replace(drives[0].stereo, camera=replace(drives[0].camera, fx=90.0))
    triplets = triplets_of([replace(drives[0], stereo=narrow), drives[1]], kitti_raw)
    sample = triplets.batch([0, len(triplets) - 1])
    assert sample.stereo is not None and sample.T_stereo_current is not None
    baselines = sample.T_stereo_current[:, 0, 3]
    torch.testing.assert_close(baselines, torch.tensor([-0.54, 0.54]))
    rgb = torch.from_numpy(cv2.imread(str(narrow.images[1]))[..., ::-1].copy())
    expected = ImageSampler(narrow.camera, triplets.views[0])(rgb)[0] * 255
    assert (sample.stereo[0] - expected).abs().max() < 4


def test_a_missing_stereo_image_costs_one_triplet(kitti_raw: Path) -> None:
    folder = kitti_raw / '2011_09_26/2011_09_26_drive_0001_sync/image_03/data'
    (folder / '0000000004.png').unlink()
    left = open_drives([kitti_raw], stereo=True, cache=kitti_raw)[0]
    triplets = triplets_of([left], kitti_raw)
    assert triplets.selections[0].left_out == {'no neighbour': 2, 'no stereo image': 1}
    assert 4 not in triplets.selections[0].triplets[:, 1]


def test_static_frames_are_left_out_unless_a_split_chose_them(make_drive, tmp_path) -> None:
    drive = make_drive(count=10)
    for image in drive.images[4:]:
        shutil.copy(drive.images[3], image)
    assert triplets_of([drive], tmp_path, skip_static=True).selections[0].triplets[
        :, 1
    ].tolist() == [1, 2, 3]
    chosen = replace(drive, centres=[1, 6])
    assert len(triplets_of([chosen], tmp_path, skip_static=True)) == 2


def test_damage_in_training_is_replaced_and_told(make_drive, tmp_path: Path) -> None:
    """The workers see it, the main process tells it, and every run replaces it alike."""
    drive = make_drive(count=12)
    triplets = triplets_of([drive], tmp_path)
    whole = triplets.batch(list(range(10)))
    drive.images[5].write_bytes(b'gone')
    for workers in (0, 2):
        loader = make_loader(triplets, StepOrder(10, 10, 0), workers)
        sample = next(iter(loader))
        order = StepOrder(10, 10, 0).indices(0)
        # Frame 5 is in triplets 3, 4 and 5; the next whole one is 6.
        expected = [6 if index in (3, 4, 5) else index for index in order]
        assert torch.equal(sample.current, whole.current[expected])
        # The key is that of the frame that is seen, not of the one that is damaged.
        frames = [triplet + 1 for triplet in expected]
        assert sample.keys == tuple(Key(drive.name, f, drive.stamps[f]) for f in frames)
    assert triplets.damage() == [
        f'1 images could not be read, their triplets were replaced: {drive.images[5]}'
    ]


def test_a_lost_disk_is_no_endless_search(make_drive, tmp_path: Path) -> None:
    drive = make_drive()
    triplets = triplets_of([drive], tmp_path)
    for image in drive.images:
        image.unlink()
    with pytest.raises(MdepthError, match='in a row cannot be read'):
        triplets.batch([0])


def test_no_triplet_says_why(make_drive, tmp_path: Path) -> None:
    slow = make_drive(stamps=[n * 300_000_000 for n in range(6)])
    with pytest.raises(MdepthError, match=r'6 no neighbour; their frames are 0\.3 s apart'):
        triplets_of([slow], tmp_path)
    with pytest.raises(MdepthError, match='1 no neighbour\\): give other data'):
        triplets_of([make_drive('one', count=1)], tmp_path)


def test_the_summary_says_what_is_used(kitti_raw: Path) -> None:
    date = kitti_raw / '2011_09_26'
    data = date / '2011_09_26_drive_0001_sync/image_02/data'
    (data / '0000000003.png').write_bytes(b'')
    cv2.imwrite(str(data / '0000000006.png'), np.zeros((20, 30, 3), np.uint8))
    split = kitti_raw / 'list.txt'
    split.write_text(
        '\n'.join(f'2011_09_26_drive_0001_sync {n} {side}' for n in range(9) for side in 'lr')
    )
    output = io.StringIO()
    triplets = open_triplets(
        [kitti_raw],
        input_size=SIZE,
        frame_interval=0.1,
        split=split,
        cache=kitti_raw / 'cache',
        console=Console(file=output, width=150),
    )
    text = output.getvalue()
    assert len(triplets) == 1 + 6
    assert '2 lines of list.txt that name no image' in text
    assert f'1 images that are missing or cannot be read: {data}' in text.replace('\n', '')
    assert '1 images of another size than the others of their drive' in text
    row = next(line for line in text.splitlines() if 'image_02' in line and '│' in line)
    assert [cell.strip() for cell in row.split('│')[1:4]] == [
        '2011_09_26_drive_0001_sync/image_02', '8', '1',
    ]  # fmt: skip
    assert '124x38' in row and '0.104' in row


def test_a_wrong_calibration_stops_before_training(kitti_raw: Path) -> None:
    file = kitti_raw / '2011_09_26/calib_cam_to_cam.txt'
    file.write_text(file.read_text().replace(' 60.5 ', ' 720.5 '))
    with pytest.raises(
        MdepthError, match=r'0001_sync/image_02: wrong intrinsics: a centre at 720\.5, 17\.5 for'
    ):
        open_triplets([kitti_raw], input_size=SIZE, frame_interval=0.1, cache=kitti_raw)


def test_real_frames_in_order(data_dir: Path, tmp_path: Path) -> None:
    triplets = open_triplets(
        [data_dir / 'kitti_odometry_06'],
        input_size=(96, 320),
        frame_interval=0.1,
        cache=tmp_path,
        console=Console(file=io.StringIO()),
    )
    assert len(triplets) == 49
    loader = make_loader(triplets, StepOrder(len(triplets), 7, 0), 2)
    for sample in islice(loader, 7):
        near = (sample.current.float() - sample.previous.float()).abs().mean((1, 2, 3))
        assert near.min() > 1 and near.max() < 60
