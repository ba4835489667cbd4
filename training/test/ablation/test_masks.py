# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks against exact ones: counts by hand, and stores of the synthetic world."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from mdepth_training.ablation.masks import compared, masks, movements_of, numbers_of
from mdepth_training.cli import app
from mdepth_training.config import Data, Experiment, SyntheticData, save_experiment
from mdepth_training.data.sample import Key
from mdepth_training.data.synthetic import named_drive
from mdepth_training.labels import Kind, LabelStore
from mdepth_training.stages.stage import RECORD, Stage
from numpy.typing import NDArray
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import WorldConfig, make_drive

SIZE = (64, 96)
WORLD = Experiment(
    input_size=SIZE, data=Data(synthetic=SyntheticData(drives=2, frames=6, first_seed=7, moving=3))
)


def test_counts_by_hand() -> None:
    """40 x 100 pixels: things of at least 4 are to be found."""
    exact, stored = np.zeros((2, 40, 100), int)
    exact[:10, :10] = 5
    exact[:10, 20:30] = 6
    exact[20, :3] = 7  # too small
    exact[30:40, 50:60] = 9
    exact[0, 99] = 8  # too small
    stored[:10, :6] = 1  # IoU 60 / 100 with 5
    stored[:10, 6:10] = 2  # 40 / 100 with 5, which is taken
    stored[:10, 20:23] = 3  # 30 / 100 with 6
    stored[20, :3] = 4  # 3 / 3 with 7: neither right nor wrong
    stored[30, 20:40] = 5  # nothing
    doing = ['standing'] * 5 + ['oncoming', 'ahead', 'crossing', 'crossing', 'oncoming']
    counts = compared(stored, exact, doing)
    assert counts['pixels stored'] == 60 + 40 + 30 + 3 + 20
    assert counts['pixels exact'] == 304 and counts['pixels both'] == 133
    assert counts['exact'] == 3
    assert (counts['stored 0.5'], counts['found 0.5']) == (4, 1)
    assert (counts['stored 0.25'], counts['found 0.25']) == (4, 2)
    found = numbers_of(counts + counts)  # the same frame twice
    assert found['pixels'] == pytest.approx({'precision': 133 / 153, 'recall': 133 / 304})
    assert found['things IoU 0.5'] == {
        'precision': 1 / 4,
        'recall': 1 / 3,
        'stored': 8,
        'found': 2,
    }
    assert found['things IoU 0.25']['recall'] == 2 / 3
    oncoming, ahead = found['movements']['oncoming'], found['movements']['ahead']
    assert oncoming['exact things'] == 4 and oncoming['recall IoU 0.5'] == 1 / 2
    assert oncoming['pixel recall'] == 1 / 2
    assert (ahead['recall IoU 0.5'], ahead['recall IoU 0.25']) == (0, 1)
    assert ahead['pixel recall'] == pytest.approx(0.3)
    assert found['movements']['crossing']['recall IoU 0.5'] is None  # the only one is too small
    assert found['movements']['crossing']['pixel recall'] == 3 / 4
    assert found['movements']['standing']['pixel recall'] is None


def test_the_best_pair_comes_first_and_each_is_found_once() -> None:
    exact, stored = np.zeros((2, 10, 10), int)
    exact[:, :6], exact[:, 6:] = 1, 2
    stored[:, :5], stored[:, 5:] = 1, 2  # IoU 5/6 with 1; 4/5 with 2 and 1/10 with 1
    counts = compared(stored, exact, ['', 'ahead', 'ahead'])
    assert counts['found 0.5'] == counts['ahead found 0.5'] == 2
    whole = compared(np.ones((10, 10), int), exact, ['', 'ahead', 'oncoming'])
    assert whole['found 0.25'] == 1 and whole['ahead found 0.25'] == 1  # 0.6 before 0.4
    nothing = np.zeros((10, 10), int)
    assert not numbers_of(compared(nothing, nothing, []))['exact things']
    assert compared(nothing, exact, ['', 'ahead', 'ahead'])['stored 0.5'] == 0


def test_what_moves_does_as_its_heading_says() -> None:
    """Vehicles and people go where they are turned to."""
    seen = Counter[str]()
    for seed in range(6):
        drive = make_drive(
            seed, 6, Camera.from_normalised(96, 64, 0.58, 1.92, 0.5, 0.5), WorldConfig(moving=3.0)
        )
        for frame in (0, 3, 5):
            doing = movements_of(drive, frame)
            x, y = drive.poses[frame, :2, 2].tolist()
            camera = np.arctan2(y, x)
            instances = len(drive.world.pose)
            assert len(doing) == 2 + instances
            for thing in range(instances):
                does = doing[2 + thing]
                mover = thing - drive.world.still
                if mover < 0 or not drive.world.moves[frame, mover]:
                    assert does == 'standing'
                    continue
                turned = float(drive.world.tracks[frame, mover, 2]) - camera
                angle = abs(float(np.degrees(np.arctan2(np.sin(turned), np.cos(turned)))))
                if min(abs(angle - 45), abs(angle - 135)) > 5:
                    assert does == ('ahead', 'crossing', 'oncoming')[(angle > 45) + (angle > 135)]
                    seen[does] += 1
    assert min(seen[does] for does in ('ahead', 'crossing', 'oncoming')) > 5


@lru_cache
def frame(seed: int, number: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Exact instances and what moves, as the renderer has them."""
    view = named_drive(WORLD, f'synthetic-{seed}').render([number])
    return view.instance[0].numpy(), view.moving[0].numpy()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Of drive 7 what moves, exactly; of drive 8 only its left half."""
    kinds = {'instances': Kind('ids', SIZE, dtype='uint8'), 'dynamic': Kind('mask', SIZE)}
    kinds['objects'] = Kind('ids', SIZE, dtype='uint8')
    stage = Stage('things', 'labels', tmp_path / 'things', WORLD)
    stage.begin('')
    stage.note(finished='now')
    made = LabelStore.create(stage.made_labels, kinds, {'made by': 'a test'})
    for seed in (7, 8):
        drive = named_drive(WORLD, f'synthetic-{seed}')
        made.add_drive(f'synthetic-{seed}', drive.stamps, drive.camera.normalised)
        for number in range(1, 5):
            ids, moving = frame(seed, number)
            ids = np.unique(ids * moving, return_inverse=True)[1].reshape(SIZE)
            if seed == 8:
                ids[:, 48:] = 0
            maps = {'instances': ids, 'dynamic': ids > 0, 'objects': ids}
            made.write(Key(f'synthetic-{seed}', number, drive.stamps[number]), maps)
    return stage.made_labels


def test_a_store_of_the_synthetic_world(store: Path, tmp_path: Path) -> None:
    out = tmp_path / 'masks.json'
    words = ['masks', str(store), '-o', str(out)]
    said = CliRunner().invoke(app, words, catch_exceptions=False).output
    assert 'instances (things that move)' in said and '8 frames of 2 drives' in said
    numbers = json.loads(out.read_text())
    moving = {seed: [frame(seed, n)[1] for n in range(1, 5)] for seed in (7, 8)}
    every = sum(m.sum() for of in moving.values() for m in of)
    left = sum(m.sum() for m in moving[7]) + sum(m[:, :48].sum() for m in moving[8])
    assert 0 < left < every
    for kind in ('instances', 'dynamic'):
        assert numbers[kind]['pixels'] == {'precision': 1, 'recall': pytest.approx(left / every)}
    found = numbers['instances']['things IoU 0.5']
    assert 0 < found['recall'] < 1 and found['found'] <= numbers['instances']['exact things']
    # Things that stand can move, too, and were not stored.
    standing = numbers['objects']['movements']['standing']
    assert standing['exact things'] > 0 and standing['pixel recall'] == 0
    assert numbers['objects']['pixels']['precision'] == 1
    assert numbers['instances']['movements']['standing']['exact things'] == 0
    few = masks(store, limit=2)
    assert few['instances']['exact things'] < numbers['instances']['exact things']


def test_a_store_that_cannot_be_scored_is_one_line(store: Path, tmp_path: Path) -> None:
    given = tmp_path / 'world.yaml'
    save_experiment(WORLD, given)
    (store.parent / RECORD).unlink()
    with pytest.raises(MdepthError, match=r'stage\.json does not say .* add --experiment FILE'):
        masks(store)
    assert masks(store, experiment=given, limit=1)['instances']['pixels']['precision'] == 1
    synthetic = WORLD.data.synthetic
    for changed, complaint in (
        (replace(synthetic, first_seed=8), 'has no drive synthetic-7'),
        (replace(synthetic, frames=7), 'another size, camera or number of frames'),
    ):
        save_experiment(replace(WORLD, data=replace(WORLD.data, synthetic=changed)), given)
        with pytest.raises(MdepthError, match=complaint):
            masks(store, experiment=given)
    for name, kind, complaint in (
        ('depth', 'depth', 'has no instances, dynamic, objects, but depth'),
        ('instances', 'ids', 'no labelled drive of the synthetic world'),
    ):
        dtype = 'uint8' if kind == 'ids' else 'float16'
        made = LabelStore.create(tmp_path / name, {name: Kind(kind, SIZE, dtype=dtype)}, {})
        made.add_drive('monday', [0])
        with pytest.raises(MdepthError, match=complaint):
            masks(tmp_path / name, experiment=given)


def test_a_stage_says_what_it_labelled(store: Path) -> None:
    from mdepth_training.ablation.masks import _experiment_of

    found = _experiment_of(store)
    assert asdict(found.data) == asdict(WORLD.data) | {'workers': found.data.workers}
    assert (found.input_size, found.camera) == (WORLD.input_size, WORLD.camera)
