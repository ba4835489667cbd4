# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several sources by weights: who comes how often, in which order, with which camera."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from mdepth_training.config import Data, Experiment, MixedSource, SyntheticData, load_experiment
from mdepth_training.data import Key, Sample, StepOrder, TripletSource
from mdepth_training.data.augmentation import apply_colour, apply_noise, random_colour
from mdepth_training.data.mixed import Mixed
from mdepth_training.data.sample import Frames
from mdepth_training.source import open_source, open_validation

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera

CAMERA = Camera(16, 8, 9.0, 15.0, 7.5, 3.5)


class Numbers(TripletSource):
    """Triplets of a drive whose images are their own number."""

    frame_interval, camera = 0.1, (0.58, 1.92, 0.5, 0.5)

    def __init__(self, drive: str, length: int, focal: float) -> None:
        self.drive, self.length, self.focal = drive, length, focal

    @property
    def description(self) -> str:
        return f'{self.length} of {self.drive}'

    def __len__(self) -> int:
        return self.length

    def drive_frames(self) -> dict[str, Frames]:
        return {self.drive: Frames(range(self.length), self.camera, CAMERA)}

    def frame_keys(self) -> list[Key]:
        return [Key(self.drive, number, number) for number in range(self.length)]

    def damage(self) -> list[str]:
        return [f'all of {self.drive}']

    def batch(self, indices: list[int]) -> Sample:
        image = torch.tensor(indices, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 1, 1)
        keys = tuple(Key(self.drive, number, number) for number in indices)
        K = self.focal * torch.eye(3).repeat(len(indices), 1, 1)
        return Sample(image, image, image, K, keys=keys)


@pytest.fixture
def mixed() -> Mixed:
    sources = {'few': Numbers('few', 10, 2.0), 'many': Numbers('many', 90, 3.0)}
    return Mixed(sources, [0.6, 0.2], Numbers.camera)


def test_each_source_comes_as_often_as_its_weight_says(mixed: Mixed) -> None:
    epochs = [mixed.epoch(number, seed=0).tolist() for number in range(3)]
    assert [sum(index < 10 for index in epoch) for epoch in epochs] == [75, 75, 75]
    counts = Counter(index for epoch in epochs for index in epoch)
    # 225 draws of 10 and 75 of 90: none comes twice more often than another of its source.
    assert {counts[index] for index in range(10)} == {22, 23}
    assert max(counts[index] for index in range(10, 100)) == 1
    assert epochs[0] != epochs[1] != mixed.epoch(1, seed=1).tolist()
    assert mixed.epoch(1, seed=0).tolist() == epochs[1]
    assert mixed.description == '75% of 10 of few; 25% of 90 of many'


def test_a_batch_has_samples_of_several_sources_in_the_order_asked_for(mixed: Mixed) -> None:
    sample = mixed.batch([95, 3, 10, 9])
    assert sample.keys == (('many', 85, 85), ('few', 3, 3), ('many', 0, 0), ('few', 9, 9))
    assert sample.current[:, 0, 0, 0].tolist() == [85, 3, 0, 9]
    assert sample.K[:, 0, 0].tolist() == [3, 2, 3, 2] and sample.source == ''
    assert mixed.batch([3, 4]).source == 'few'
    assert len(mixed.frame_keys()) == 100 and mixed.damage() == ['all of few', 'all of many']


def test_a_resumed_run_and_two_ranks_see_what_the_whole_run_sees(mixed: Mixed) -> None:
    def steps(first: int, count: int, size: int = 8, rank: int = 0, ranks: int = 1) -> list:
        order = StepOrder(100, size, 0, rank=rank, ranks=ranks, epoch=mixed.epoch)
        return [order.indices(step) for step in range(first, first + count)]

    assert steps(0, 30)[17:] == steps(17, 13)
    halves = zip(steps(3, 12, 4, 0, 2), steps(3, 12, 4, 1, 2), strict=True)
    assert [first + second for first, second in halves] == steps(3, 12)
    order = StepOrder(100, 8, 0, epoch=mixed.epoch)
    assert list(islice(order, 14)) == steps(0, 14)


def test_drives_of_one_name_are_refused(mixed: Mixed) -> None:
    twice = Mixed({'a': Numbers('one', 5, 1), 'b': Numbers('one', 5, 1)}, [1, 1], Numbers.camera)
    assert mixed.drive_frames().keys() == {'few', 'many'}
    with pytest.raises(MdepthError, match=r'two sources of data\.sources have a drive one'):
        twice.drive_frames()


def test_a_grey_camera_stays_grey() -> None:
    """What the networks see of a grey camera has three equal channels, jittered or not."""
    grey = torch.rand(6, 1, 8, 12).expand(-1, 3, -1, -1)
    matrix, mean_weight = random_colour(6, 0.4, 0.5)
    jittered = apply_noise(apply_colour(grey, matrix, mean_weight), torch.full((6, 4), 0.1))
    assert not torch.allclose(jittered, grey, atol=0.01)
    torch.testing.assert_close(jittered[:, :1].expand(-1, 3, -1, -1), jittered, atol=2e-3, rtol=0)


def test_recordings_and_the_synthetic_world_in_one_batch(grey_drive: Path, tmp_path: Path) -> None:
    drive = grey_drive
    path = tmp_path / 'mixed.yaml'
    path.write_text(
        f"""
input_size: [64, 96]
data:
- {{recordings: [{drive}], validation: {drive}, weight: 0.75}}
- {{synthetic: {{drives: 1, frames: 4}}, weight: 0.25}}
"""
    )
    experiment = load_experiment(path, ['data.workers=0'])
    assert experiment.data.sources[0].recordings == (str(drive),) and experiment.data.workers == 0
    source = open_source(experiment, tmp_path / 'cache')
    assert len(source) == 6 + 2 and source.camera == experiment.camera
    assert '75% of 6 triplets' in source.description and 'synthetic world' in source.description
    sample = source.batch([6, 0])
    assert sample.current.shape == (2, 3, 64, 96) and sample.keys[1].drive == 'grey'
    grey = sample.current[1]
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[0], grey[2])
    # Of 120x40 the middle 60 columns make 96: each pixel is 1.6 times as fine.
    torch.testing.assert_close(sample.K[1, :2, :2].diagonal(), torch.tensor([128.0, 128.0]))
    torch.testing.assert_close(sample.K[0, 0, 0], torch.tensor(0.58 * 96))
    validation = open_validation(experiment, tmp_path / 'cache')
    assert validation is not None and len(validation) == 6
    assert validation.batch([0]).source == 'recordings'


def test_what_a_mix_cannot_be_is_one_line(tmp_path: Path) -> None:
    twice = (MixedSource(recordings=('a',)), MixedSource(recordings=('b',)))
    with pytest.raises(MdepthError, match=r'two of data\.sources have one name'):
        Data(sources=twice).parts  # noqa: B018
    path = tmp_path / 'mixed.yaml'
    path.write_text('data: [{recordings: [a], wieght: 2}]')
    with pytest.raises(MdepthError, match=r'unknown setting data\.sources\.wieght: did you mean'):
        load_experiment(path)
    synthetic = MixedSource(synthetic=SyntheticData(drives=1, frames=4))
    experiment = replace(
        Experiment(), data=Data(sources=(synthetic, replace(synthetic, name='b')))
    )
    assert experiment.data.rendered == experiment.data.parts['synthetic']
    assert not experiment.data.recorded and Data().rendered == Data()
