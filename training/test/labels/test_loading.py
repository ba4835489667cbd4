# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels at the size of a sample: values by hand, and by OpenCV."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mdepth_training.data import Key, Sample, TripletSource
from mdepth_training.data.augmentation import flip
from mdepth_training.data.sample import Frames
from mdepth_training.labels import Kind, Labelled, LabelStore, load_labels
from mdepth_training.labels.loading import resample
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera

CAMERA = Camera(16, 8, 8.0, 16.0, 7.5, 3.5)
NAN, INF = float('nan'), float('inf')


def row(*values: float) -> torch.Tensor:
    return torch.tensor(values)[None, None, None]


def test_masks_and_ids_take_the_nearest_pixel() -> None:
    ids = np.random.default_rng(0).integers(-9, 9, (12, 20)).astype(np.int16)
    for size in ((24, 60), (4, 5), (7, 33)):
        expected = cv2.resize(ids, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        found = resample(torch.from_numpy(ids)[None, None], 'ids', size)
        assert found.dtype == torch.int16
        np.testing.assert_array_equal(found[0, 0], expected)
        mask = resample(torch.from_numpy(ids > 0)[None, None], 'mask', size)
        assert mask.dtype == torch.bool
        np.testing.assert_array_equal(mask[0, 0], expected > 0)


def test_depth_is_interpolated_in_disparity() -> None:
    depth = np.random.default_rng(0).uniform(1, 80, (12, 20)).astype(np.float32)
    expected = 1 / cv2.resize(1 / depth, (60, 24), interpolation=cv2.INTER_LINEAR)
    found = resample(torch.from_numpy(depth)[None, None], 'depth', (24, 60))
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-5)


def test_the_unknown_does_not_spread() -> None:
    """Twice as wide: each new pixel is 3/4 of the nearest and 1/4 of the next, where known."""
    found = resample(row(4.0, NAN, 2.0, INF), 'depth', (1, 8))
    by_hand = row(4, 4, NAN, NAN, 2, 1 / (0.75 / 2), 1 / (0.25 / 2), INF)
    torch.testing.assert_close(found, by_hand, equal_nan=True)
    found = resample(row(1.0, NAN, 3.0, 7.0), 'value', (1, 8))
    torch.testing.assert_close(found, row(1, 1, NAN, NAN, 3, 4, 6, 7), equal_nan=True)


def test_a_smaller_map_is_an_average() -> None:
    value = torch.from_numpy(np.random.default_rng(0).uniform(size=(1, 2, 8, 12))).float()
    found = resample(value, 'value', (2, 3))
    expected = functional.interpolate(value, (2, 3), mode='bilinear', antialias=True)
    torch.testing.assert_close(found, expected)
    one_bright = torch.zeros(1, 1, 8, 8)
    one_bright[..., 1, 1] = 64  # a plain bilinear map of a quarter looks past it
    assert resample(one_bright, 'value', (2, 2))[0, 0, 0, 0] > 2


def test_a_flow_is_in_pixels_of_its_size() -> None:
    flow = torch.stack([torch.full((4, 8), 3.0), torch.full((4, 8), -1.0)])[None]
    found = resample(flow, 'flow', (8, 24))
    assert found.shape == (1, 2, 8, 24)
    torch.testing.assert_close(found[0, 0], torch.full((8, 24), 9.0))
    torch.testing.assert_close(found[0, 1], torch.full((8, 24), -2.0))


def test_a_flow_still_points_at_the_same_thing_in_the_mirror() -> None:
    """What carries a picture onto another carries the mirrored one onto the mirrored other."""
    previous = torch.arange(60.0).view(1, 1, 6, 10)
    flow = torch.zeros(1, 2, 6, 10)
    flow[0, 0, 2, 3], flow[0, 1, 2, 3] = 4, 1  # pixel (3, 2) came from (7, 3)
    labels = {'flow': flow.repeat(2, 1, 1, 1), 'depth': previous.repeat(2, 1, 1, 1)}
    image = torch.zeros(2, 3, 6, 10)
    K = torch.eye(3).repeat(2, 1, 1)
    sample = Sample(image, image, image, K, labels=labels, flows=('flow',))
    mirrored = flip(sample, torch.tensor([True, False])).labels
    x, y = mirrored['flow'][0, :, 2, 9 - 3].long().tolist()
    assert mirrored['depth'][0, 0, 2 + y, 9 - 3 + x] == previous[0, 0, 3, 7]
    assert flow[0].count_nonzero() == mirrored['flow'][0].count_nonzero() == 2
    for name, label in labels.items():
        assert torch.equal(mirrored[name][1], label[1])


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    size = (4, 8)
    kinds = {
        'depth': Kind('depth', size),
        'moving': Kind('mask', size),
        'instances': Kind('ids', size),
        'code': Kind('value', (1, 1), channels=2),
    }
    store = LabelStore.create(tmp_path, kinds, {'method': 'trial'})
    for place, drive in enumerate(('a', 'b/c')):
        store.add_drive(drive, [0, 100, 200], (0.5, 2.0, 0.5, 0.5))
        for frame in range(2):
            number = 10 * place + frame + 1
            maps = {'depth': np.full(size, number, np.float32), 'moving': np.eye(4, 8) > 0}
            maps |= {'instances': np.full(size, -number), 'code': np.full((2, 1, 1), 0.5)}
            store.write((drive, frame, 100 * frame), maps)
    return store


KEYS = [('b/c', 1, 100), ('a', 0, 0), ('b/c', 0, 0)]


def test_a_batch(store: LabelStore) -> None:
    store = pickle.loads(pickle.dumps(store))  # as a loader's worker gets it
    names = ['instances', 'moving', 'depth', 'code']
    labels = load_labels(store, KEYS, names, (8, 16))
    assert list(labels) == names
    assert {n: (t.dtype, tuple(t.shape)) for n, t in labels.items()} == {
        'instances': (torch.int16, (3, 1, 8, 16)),
        'moving': (torch.bool, (3, 1, 8, 16)),
        'depth': (torch.float32, (3, 1, 8, 16)),
        'code': (torch.float32, (3, 2, 1, 1)),
    }
    assert labels['depth'][:, 0, 3, 5].tolist() == [12, 1, 11]
    assert labels['instances'][:, 0, 3, 5].tolist() == [-12, -1, -11]
    assert labels['moving'].sum().item() == 3 * 4 * 4
    same = load_labels(store, KEYS, ['depth'], (4, 8))
    assert same['depth'].dtype == torch.float32 and same['depth'].shape == (3, 1, 4, 8)


def test_frames_without_labels(store: LabelStore) -> None:
    keys = [*KEYS, ('a', 2, 200), ('c', 7, 700)]
    with pytest.raises(MdepthError, match='has no depth of frame 2 of a: make its labels first'):
        load_labels(store, keys, ['depth'], (4, 8))
    with pytest.raises(MdepthError, match='has no drive c: make its labels first'):
        load_labels(store, keys[-1:], ['depth'], (4, 8))


class Frame(TripletSource):
    """A source of the frames 0 and 1 of a drive."""

    frame_interval, camera = 0.1, (0.5, 2.0, 0.5, 0.5)
    description = 'two frames'

    def __init__(self, drive: str = 'a', view: tuple[float, ...] = camera, count: int = 2) -> None:
        self.drive, self.view, self.count = drive, view, count

    def __len__(self) -> int:
        return self.count

    def drive_frames(self) -> dict[str, Frames]:
        return {self.drive: Frames([0, 100, 200], self.view, CAMERA)}

    def frame_keys(self) -> list[Key]:
        return [Key(self.drive, number, 100 * number) for number in range(self.count)]

    def damage(self) -> list[str]:
        return []

    def batch(self, indices: list[int]) -> Sample:
        image = torch.zeros(len(indices), 3, 8, 16, dtype=torch.uint8)
        keys = self.frame_keys()
        K = torch.eye(3).repeat(len(indices), 1, 1)
        return Sample(image, image, image, K, keys=tuple(keys[index] for index in indices))


def test_a_source_with_labels(store: LabelStore, tmp_path: Path) -> None:
    kinds = {'flow': Kind('flow', (4, 8)), 'depth': Kind('depth', (4, 8))}
    second = LabelStore.create(tmp_path / 'more', kinds, {'method': 'more'})
    second.add_drive('a', [0, 100, 200])
    for number in range(2):
        maps = {'flow': np.ones((2, 4, 8), np.float32), 'depth': np.ones((4, 8), np.float32)}
        second.write(('a', number, 100 * number), maps)
    source = Labelled(Frame(), [store, second], ['depth', 'flow'])
    sample = pickle.loads(pickle.dumps(source)).batch([1, 0])
    assert len(source) == 2 and sample.keys[0] == ('a', 1, 100) and sample.flows == ('flow',)
    assert sample.labels['depth'][:, 0, 0, 0].tolist() == [2, 1]  # of the first that has it
    assert sample.labels['flow'].shape == (2, 2, 8, 16) and (sample.labels['flow'] == 2).all()
    assert Labelled(Frame(), [second, store], ['depth']).batch([0]).labels['depth'].eq(1).all()
    assert sample.on('cpu').labels['flow'].max() == 2  # no image: not divided


def test_labels_that_training_cannot_use_are_one_line(store: LabelStore, tmp_path: Path) -> None:
    store.command = 'mdepth-train run recipe.yaml -o out --only depths'
    for source, names, said in (
        (Frame(), ['normals'], 'no store of data.labels has normals .*: give the store of'),
        (Frame(count=3), ['depth'], 'no depth of 1 of the 3 frames of a, the first is 2: make it'),
        (Frame('d'), ['depth'], 'no drive d: make it with: mdepth-train run .* --only depths'),
        (Frame(view=(0.5, 2.02, 0.5, 0.5)), ['depth'], 'labels of a in .* show another view'),
    ):
        with pytest.raises(MdepthError, match=said) as caught:
            Labelled(source, [store], names)
        assert str(store.path) in str(caught.value) and '\n' not in str(caught.value)
    kinds = {'depth': Kind('value', (4, 8))}
    other = LabelStore.create(tmp_path / 'other', kinds, {})
    with pytest.raises(MdepthError, match=r'/gone is not there: a stage of kind labels makes one'):
        LabelStore.open(tmp_path / 'gone')
    assert other.drive('a') is None
