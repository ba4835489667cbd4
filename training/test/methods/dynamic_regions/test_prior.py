# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of things from elsewhere: as labels, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.config import load_experiment
from mdepth_training.data.sample import Key
from mdepth_training.data.synthetic import drive_camera, experiment_camera, synthetic_drive
from mdepth_training.labels import LabelStore
from mdepth_training.methods.dynamic_regions.prior import numbered
from mdepth_training.source import open_source
from mdepth_training.stages import load_recipe, run

from mdepth_ros.errors import MdepthError

TINY = """
name: tiny
input_size: [64, 96]
data: {workers: 0, synthetic: {drives: 2, frames: 4, first_seed: 3, moving: 2.0}}
method: {name: dynamic_regions}
"""
RECIPE = """
experiment: tiny.yaml
stages:
  masks: {kind: labels, maker: prior, set: [method.masks=exact]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / 'tiny.yaml').write_text(TINY)
    path = tmp_path / 'recipe.yaml'
    path.write_text(RECIPE)
    return path


def masks_of(recipe: Path, *overrides: str) -> LabelStore:
    """The store that the stage of the recipe makes."""
    output = recipe.parent / f'out{len(list(recipe.parent.iterdir()))}'  # a new one
    stages = load_recipe(recipe, output, overrides)
    assert run(stages, output)
    return LabelStore.open(stages[0].made_labels)


def test_exact_masks_are_those_of_what_can_move(recipe: Path) -> None:
    store = masks_of(recipe, 'data.synthetic.cameras=1')
    assert 'truth' in store.kinds['objects'].description
    experiment = load_experiment(recipe.parent / 'tiny.yaml', ['data.synthetic.cameras=1'])
    some = 0
    for seed in (3, 4):
        camera = drive_camera(experiment.data.synthetic, experiment_camera(experiment), seed)
        drive = synthetic_drive(experiment.data, camera, seed, 4)
        view = drive.render([1, 2])
        for place, key in enumerate(store.keys(f'synthetic-{seed}')):
            objects, instance = store.read(key)['objects'][0], view.instance[place].numpy()
            assert objects.dtype == np.uint8 and (objects[view.moving[place].numpy()] > 0).all()
            for number in range(1, objects.max() + 1):
                of_thing = np.unique(instance[objects == number])
                assert len(of_thing) == 1
                assert ((instance == of_thing) == (objects == number)).all()
            some += int(objects.max())
    assert some > 5


def test_exact_masks_of_recordings_are_refused(recipe: Path) -> None:
    with pytest.raises(MdepthError, match='synthetic alone: give a folder'):
        masks_of(recipe, f'data.recordings=[{recipe.parent}]')


def test_ids_are_small_numbers_in_their_order() -> None:
    key = Key('a', 1, 0)
    assert numbered(np.array([[0, 7], [65000, 7]]), key).tolist() == [[0, 1], [2, 1]]
    assert numbered(np.arange(256), key).tolist() == list(range(256))
    with pytest.raises(MdepthError, match='frame 1 of a has masks of 256 things'):
        numbered(np.arange(257), key)


def shown(number: int, width: int, height: int) -> np.ndarray:
    """Two boxes that move to the right from frame to frame, of values 3 and 9."""
    ids = np.zeros((120, 240), np.uint8)
    ids[30:90, 20 + 5 * number : 80 + 5 * number], ids[50:100, 150:200] = 3, 9
    return cv2.resize(ids, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Images of 240x120 through a lens; a box is as bright as its id says."""
    folder = tmp_path / 'data' / 'drive'
    folder.mkdir(parents=True)
    for number in range(5):
        cv2.imwrite(str(folder / f'{number + 7:04d}.png'), 25 * shown(number, 240, 120))
    (folder / 'camera.yaml').write_text(
        'image_width: 240\nimage_height: 120\ndistortion_model: plumb_bob\n'
        'camera_matrix: {rows: 3, cols: 3, data: [150, 0, 121, 0, 150, 58, 0, 0, 1]}\n'
        'distortion_coefficients: {rows: 1, cols: 5, data: [-0.2, 0.02, 0, 0, 0]}\n'
    )
    return folder.parent


@pytest.mark.parametrize('size', [(240, 120), (480, 240), (120, 60)])
def test_masks_are_seen_as_the_images_are(
    recipe: Path, recording: Path, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The view of the samples is OpenCV's: masks of any size show the same boxes."""
    masks = recipe.parent / 'masks' / 'drive'
    masks.mkdir(parents=True)
    for number in (1, 2):
        cv2.imwrite(str(masks / f'{number + 7:04d}.png'), shown(number, *size))
    data = [f'data.recordings=[{recording}]', 'data.skip_static=false']
    store = masks_of(recipe, *data, f'masks.method.masks={masks.parent}')
    assert '1 of 3 frames have no mask in' in capsys.readouterr().out
    source = open_source(load_experiment(recipe.parent / 'tiny.yaml', data), recipe.parent)
    for place, key in enumerate(source.frame_keys()):
        objects = store.read(key)['objects'][0]
        if key.frame == 3:
            assert not objects.any()
            continue
        image = source.batch([place]).current[0].float().mean(0).numpy() / 25
        for grey, number in ((0, 0), (3, 1), (9, 2)):
            clear = cv2.erode((abs(image - grey) < 0.2).astype(np.uint8), np.ones((3, 3))) > 0
            assert clear.sum() > 300 and (objects[clear] == number).all()


def test_masks_of_another_shape_are_refused(recipe: Path, recording: Path) -> None:
    masks = recipe.parent / 'masks'
    masks.mkdir()
    cv2.imwrite(str(masks / '0008.png'), shown(1, 240, 100))
    data = [f'data.recordings=[{recording}]', 'data.skip_static=false']
    with pytest.raises(MdepthError, match=r'0008.png in .* is 240x100, its image 240x120: make'):
        masks_of(recipe, *data, f'masks.method.masks={masks}')


def test_a_json_of_coco_is_masks_too(recipe: Path, recording: Path) -> None:
    things = [{'image_id': 1, 'category_id': 1, 'segmentation': {'size': [60, 120], 'counts': []}}]
    things[0]['segmentation']['counts'] = [0, 7200]
    images = [{'id': 1, 'file_name': '0009.jpg', 'height': 60, 'width': 120}]
    path = recipe.parent / 'masks.json'
    content = {'images': images, 'annotations': things, 'categories': [{'id': 1, 'name': 'all'}]}
    path.write_text(json.dumps(content))
    data = [f'data.recordings=[{recording}]', 'data.skip_static=false']
    store = masks_of(
        recipe, *data, f'masks.method.masks={path}', 'masks.method.mask_classes=[all]'
    )
    first, second, _ = store.keys('drive')
    assert not store.read(first)['objects'].any() and (store.read(second)['objects'] == 1).all()


def test_what_is_no_source_of_masks_is_one_line(recipe: Path) -> None:
    def refuses(match: str, *overrides: str) -> None:
        with pytest.raises(MdepthError, match=match):
            masks_of(recipe, *overrides)

    refuses('method.masks= is not there: give a folder of PNGs', 'masks.method.masks=')
    refuses('method.masks=nowhere is not there', 'masks.method.masks=nowhere')
    refuses('method.masks=nowhere.json is not there', 'masks.method.masks=nowhere.json')
    refuses('recipe.yaml is neither a folder nor a .json', f'masks.method.masks={recipe}')
    refuses('has no PNG', f'masks.method.masks={recipe.parent}')
    refuses('mask_classes is of a json of COCO alone', 'masks.method.mask_classes=[car]')
