# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of maps as a provider: the view, the numbers, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.data import open_triplets
from mdepth_training.labels import Kind, LabelStore

from mdepth_ros.errors import MdepthError

Go = Callable[..., str]
Picture = Callable[..., np.ndarray]
DISPARITY = ('--with', 'space=disparity')


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    folder = tmp_path / 'maps' / 'drive'
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize('size', [(240, 120), (480, 240), (120, 60)])
@pytest.mark.parametrize('suffix', ['.npy', '.png'])
def test_maps_are_seen_as_the_images_are(
    recording: Path,
    maps: Path,
    go: Go,
    shown: Picture,
    size: tuple[int, int],
    suffix: str,
    tmp_path: Path,
) -> None:
    """The images of the samples are OpenCV's; the map is the picture itself."""
    for number in (1, 2, 3):
        values = shown(number, *size)
        if suffix == '.npy':
            np.save(maps / f'{number + 7:04d}.npy', values / np.float32(255))
        else:
            cv2.imwrite(str(maps / f'{number + 7:04d}.png'), values)
    go(maps.parent, recording, *DISPARITY)
    store = LabelStore.open(tmp_path / 'store')
    assert 'disparity of maps in' in store.kinds['pseudo_disparity'].description
    source = open_triplets(
        [recording], input_size=(64, 96), frame_interval=0.1, skip_static=False, cache=tmp_path
    )
    assert len(store.keys('drive')) == 3
    for place, key in enumerate(source.frame_keys()):
        image = source.batch([place]).current[0, 0].float().numpy() / 255
        label = store.read(key)['pseudo_disparity'][0].astype(np.float32)
        known = np.isfinite(label)
        assert known.mean() > 0.98 and abs(label - image)[known].mean() < 0.02
        far_from_edges = cv2.erode((image > 0.9).astype(np.uint8), np.ones((5, 5))) > 0
        assert far_from_edges.sum() > 300
        assert abs(label - 240 / 255)[far_from_edges & known].max() < 0.01


def test_numbers_of_a_png_have_their_unit_and_0_is_no_depth(
    recording: Path, maps: Path, go: Go, shown: Picture, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        metres = np.where(shown(number) > 200, 0, 10 + shown(number) / 10)
        cv2.imwrite(str(maps / f'{number + 7:04d}.png'), (256 * metres).astype(np.uint16))
    settings = ['--with', 'space=depth', '--with', 'metric=true', '--with', 'png_unit=256']
    go(maps.parent, recording, *settings)
    store = LabelStore.open(tmp_path / 'store')
    assert 'metric' in store.kinds['pseudo_depth'].description
    depth = store.read(store.keys('drive')[0])['pseudo_depth'][0].astype(np.float32)
    assert 0.1 < np.isnan(depth).mean() < 0.5
    assert np.nanmin(depth) > 11.5 and np.nanmax(depth) < 22.2
    # Row 58, the centre of the camera: 20 + 100 * 58 / 119 grey levels.
    middle = round((58 - 0) * 64 / 120)
    assert depth[middle, :5] == pytest.approx(10 + (20 + 100 * 58 / 119) / 10, rel=0.05)


def test_frames_without_a_map_are_unknown_and_told(
    recording: Path, maps: Path, go: Go, shown: Picture, tmp_path: Path
) -> None:
    np.save(maps / '0009.npy', shown(2).astype(np.float32))
    assert '2 of 3 frames have no map in' in go(maps.parent, recording, *DISPARITY)
    store = LabelStore.open(tmp_path / 'store')
    read = [store.read(key)['pseudo_disparity'] for key in store.keys('drive')]
    assert [np.isnan(one).all() for one in read] == [True, False, True]


@pytest.mark.parametrize('space', ['depth', 'disparity'])
def test_depth_and_disparity_mixed_up_are_found_by_the_scene(
    recording: Path, maps: Path, go: Go, shown: Picture, tmp_path: Path, space: str
) -> None:
    """Here what is bright is far; the scene stage knows it roughly."""
    source = open_triplets(
        [recording], input_size=(64, 96), frame_interval=0.1, skip_static=False, cache=tmp_path
    )
    scene = tmp_path / 'scene'
    store = LabelStore.create(scene, {'scene_depth': Kind('depth', (32, 48))}, {'made': 'here'})
    store.add_drive('drive', source.drive_frames()['drive'].stamps)
    for place, key in enumerate(source.frame_keys()):
        image = source.batch([place]).current[0, 0].float()
        store.write(key, {'scene_depth': 1 + image[::2, ::2] ** 0.5})
        np.save(maps / f'{key.frame + 7:04d}.npy', 3 + 0.1 * shown(key.frame))
    settings = ['--with', f'space={space}', '--set', f'data.labels=[{scene}]']
    if space == 'disparity':
        with pytest.raises(MdepthError, match=r'seems to give depth, not disparity: its maps run'):
            go(maps, recording, *settings)
    else:
        assert 'finished' in go(maps, recording, *settings)


def refused(go: Go, maps: Path, recording: Path, match: str, *settings: str) -> None:
    with pytest.raises(MdepthError, match=match) as caught:
        go(maps, recording, *(settings or DISPARITY))
    assert '\n' not in str(caught.value)


def test_what_is_no_folder_of_maps_is_one_line(
    recording: Path, maps: Path, go: Go, tmp_path: Path
) -> None:
    refused(go, maps, recording, 'has no map: give a folder of PNG or npy files')
    np.save(maps / '0100.npy', np.ones((120, 240)))
    refused(go, maps.parent, recording, 'has no map of any frame of drive: give it a folder')
    refused(go, maps, recording, 'set space=depth or space=disparity', '--with', 'png_unit=256')
    refused(go, maps, recording, 'metric without space', '--with', 'metric=true')
    refused(go, maps, recording, 'unknown setting spaec: did you mean space', '--with', 'spaec=1')
    refused(go, maps, recording, "space: , depth or disparity, not 'near'", '--with', 'space=near')
    refused(go, maps, recording, '--with near: it has no =', '--with', 'near')
    refused(go, tmp_path / 'no', recording, r'/no is no provider of pseudo-depth: give')


@pytest.mark.parametrize(
    ('values', 'said'),
    [
        (np.ones((100, 240)), r'0008.npy is 240x100, its image 240x120: make maps of the whole'),
        (np.ones((120, 240, 3)), r'0008.npy is 120x240x3 of float64: give maps of numbers'),
        (np.array(['a']), r'0008.npy is 1 of <U1: give maps of numbers'),
        (np.ones((120, 240)), r'nothing of frame 1 of drive .* its map is 1 everywhere'),
        (np.full((120, 240), np.nan), r'its map has no finite number'),
        (None, r'0008.npy cannot be read .* make this map again'),
    ],
)
def test_a_bad_map_is_named(
    recording: Path, maps: Path, go: Go, values: np.ndarray | None, said: str
) -> None:
    for number in (8, 9, 10):
        if values is None:
            (maps / f'{number:04d}.npy').write_bytes(b'')
        else:
            np.save(maps / f'{number:04d}.npy', values)
    refused(go, maps, recording, said)
