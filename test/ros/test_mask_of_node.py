# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The mask of a camera in the live node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from live import CAMERA, MOUNT, TENTH, at, drive, node, picture

from mdepth_ros.core.perception import build_perception
from mdepth_ros.core.types import Frame, Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.images import to_depth
from mdepth_ros.sources.mask import write_mask

# isort: split
from sensor_msgs.msg import Image

USABLE = np.ones((CAMERA.height, CAMERA.width), bool)
USABLE[60:, 20:100] = False


def written(path: Path, usable: np.ndarray = USABLE) -> str:
    write_mask(path, Mask(usable))
    return str(path)


def test_the_node_leaves_out_what_the_step_leaves_out(model: Path, tmp_path: Path) -> None:
    mask = Mask(USABLE)
    perception = build_perception(
        model, device='cpu', precision='fp32', threads=1, initial_pose=MOUNT
    )
    with node(model, mask=written(tmp_path / 'bonnet.png')) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        running.mount()
        drive(running, depths, [at(n) for n in range(3)])
    for n in range(3):
        image = picture(at(n) // TENTH)
        (estimate,) = perception.step([Frame(at(n), image, CAMERA, 'camera', mask=mask)])
        np.testing.assert_array_equal(to_depth(depths[n]), estimate.depth)
        hidden = np.isnan(estimate.depth)
        assert 0.1 < hidden.mean() < 0.3 and hidden[-1, 48] and not hidden[:40].any()


def test_a_mask_of_another_size_is_named_and_the_node_goes_on(model: Path, tmp_path: Path) -> None:
    path = written(tmp_path / 'bonnet.png', USABLE[:, :50])
    with node(model, mask=path, no_data_timeout=0.5) as running:
        current = running.node.cameras[0].input
        running.info()
        running.until(lambda: running.node._worker.estimator is not None, 'the network')
        running.image(at(0))
        running.until(lambda: current.camera_problem, 'the problem')
        # Neither the camera_info nor its publisher is to blame.
        line = f'/image: {path} is a mask of 50x80, but the images are 120x80'
        assert current.camera_problem.startswith(line)
        assert running.node.failure == ''


def test_several_cameras_have_a_mask_each(model: Path, tmp_path: Path) -> None:
    path = written(tmp_path / 'bonnet.png')
    with node(model, cameras=['front', 'rear'], mask=f',{path}') as running:
        front, rear = (camera.input.mask for camera in running.node.cameras)
        assert front is None and rear is not None and rear.name == path
    with (
        pytest.raises(MdepthError, match='3 for 2 cameras'),
        node(model, cameras=['front', 'rear'], mask=f'{path},,'),
    ):
        pass


def test_a_mask_that_is_not_there_stops_the_start(model: Path) -> None:
    with (
        pytest.raises(MdepthError, match=r'mask /nowhere\.png: No such file'),
        node(model, mask='/nowhere.png'),
    ):
        pass
