# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.data import Sample
from mdepth_training.labels import Kind, LabelStore
from mdepth_training.methods.dynamic_regions.things import (
    require_things,
    says_if_nothing_moves,
    seen_from,
    things_of,
)
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, transform_from_axis_angle

HEIGHT, WIDTH = 64, 96
CAMERA = Camera(WIDTH, HEIGHT, 60.0, 60.0, 47.5, 31.5)
K = CAMERA.matrix().float()[None]


def ids(*boxes: tuple[int, slice, slice]) -> Tensor:
    found = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.uint8)
    for number, rows, columns in boxes:
        found[..., rows, columns] = number
    return found


ONE, TWO = (1, slice(10, 30), slice(10, 30)), (2, slice(20, 40), slice(60, 90))


def test_a_thing_is_alone_in_its_images() -> None:
    moved = ids((1, slice(12, 32), slice(14, 34)), TWO)
    things = things_of(ids(ONE, TWO), moved, moved, 0.005)
    assert things.ids.tolist() == [1, 2] and things.places.tolist() == [0, 0]
    images = [torch.rand(1, 3, HEIGHT, WIDTH) for _ in range(3)]
    alone = things.images(Sample(*images, K))
    assert alone.current.shape == (2, 3, HEIGHT, WIDTH) and alone.K.shape == (2, 3, 3)
    wanted = torch.zeros_like(images[1][0])
    wanted[:, 10:30, 10:30] = images[1][0, :, 10:30, 10:30]
    assert torch.equal(alone.current[0], wanted)
    wanted = torch.zeros_like(images[0][0])
    wanted[:, 12:32, 14:34] = images[0][0, :, 12:32, 14:34]
    assert torch.equal(alone.previous[0], wanted)


def test_a_thing_counts_that_is_large_in_all_three_frames() -> None:
    small = ids(ONE, (2, slice(20, 22), slice(60, 62)))
    for maps in ((small, ids(ONE, TWO)), (ids(ONE, TWO), small)):
        assert things_of(ids(ONE, TWO), *maps, 0.005).ids.tolist() == [1]
    gone = ids(ONE)
    assert things_of(ids(ONE, TWO), gone, gone, 0).ids.tolist() == [1, 2]


def test_one_of_each_sample_is_drawn() -> None:
    batch = torch.cat([ids(ONE, TWO), ids(), ids(TWO)])
    drawn = set()
    for _ in range(20):
        things = things_of(batch, batch, batch, 0.005, 'one')
        assert things.places.tolist() == [0, 2] and things.ids[1] == 2
        drawn.add(int(things.ids[0]))
    assert drawn == {1, 2}


def test_where_there_is_none_a_mask_is_empty() -> None:
    things = things_of(ids(), ids(), ids(), 0.005, 'one')
    assert things.none and len(things.places) == 1
    assert not any(m.any() for m in (things.current, things.previous, things.following))


def test_a_thing_is_seen_where_camera_and_its_own_motion_bring_it() -> None:
    """60 x 0.5 / 10 = 3 pixels by the camera, which goes left, and 4 by itself; 2 rows down."""
    depth = torch.full((1, HEIGHT, WIDTH), 10.0)
    T = transform_from_axis_angle(torch.zeros(1, 3), torch.tensor([[0.5, 0.0, 0.0]]))
    flow = torch.tensor([4.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH)
    seen = seen_from(ids(ONE)[:, 0], depth, T, K, flow)
    assert torch.equal(seen, ids((1, slice(12, 32), slice(17, 37)))[:, 0])


def test_the_nearer_thing_hides_the_other() -> None:
    near, far = (1, slice(10, 30), slice(10, 30)), (2, slice(10, 30), slice(30, 50))
    depth = torch.full((1, HEIGHT, WIDTH), 20.0)
    depth[:, 10:30, 10:30] = 5.0
    T = transform_from_axis_angle(torch.zeros(1, 3), torch.zeros(1, 3))
    flow = torch.zeros(1, 2, HEIGHT, WIDTH)
    flow[:, 0, :, 30:50] = -10.0
    seen = seen_from(ids(near, far)[:, 0], depth, T, K, flow)
    assert torch.equal(seen, ids((2, slice(10, 30), slice(30, 40)), near)[:, 0])


def test_labels_without_a_usable_thing_are_refused_in_one_line(tmp_path: Path) -> None:
    names = ('static_things', 'things_previous', 'things_following')
    kinds = {name: Kind('ids', (HEIGHT, WIDTH), dtype='uint8') for name in names}
    store = LabelStore.create(tmp_path, kinds, {'method': 'test'})
    store.add_drive('a', [1, 2])
    empty = np.zeros((HEIGHT, WIDTH), np.uint8)
    store.write(('a', 0, 1), dict.fromkeys(names, empty))
    with pytest.raises(MdepthError, match=r'no usable static_things in any frame: do this'):
        require_things([str(tmp_path)], names, 0.005, 'do this')
    store.write(('a', 1, 2), dict.fromkeys(names, ids(ONE)[0, 0].numpy()))
    require_things([str(tmp_path)], names, 0.005, 'do this')
    with pytest.raises(MdepthError, match='no usable'):
        require_things([str(tmp_path)], names, 0.2, 'do this')


def test_labels_in_which_nothing_moves_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {'dynamic': Kind('mask', (4, 6))}
    store = LabelStore.create(tmp_path, kinds, {'method': 'test'})
    store.add_drive('a', [1, 2])
    store.write(('a', 0, 1), {'dynamic': np.zeros((4, 6), bool)})
    says_if_nothing_moves([str(tmp_path)])
    assert 'these labels teach nothing' in capsys.readouterr().out
    store.write(('a', 1, 2), {'dynamic': np.ones((4, 6), bool)})
    says_if_nothing_moves([str(tmp_path)])
    assert not capsys.readouterr().out
