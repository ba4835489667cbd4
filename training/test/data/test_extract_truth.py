# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The second camera and the truth of a bag: where points of the world end up in the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import recordings
from mdepth_training.data.extract import extract
from mdepth_training.data.extract_drive import Options
from mdepth_training.data.recordings import read_dataset
from recordings import OPTICAL, SECOND, make

from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import read_trajectory

EXACT = Options(size=(recordings.WIDTH, recordings.HEIGHT), png=True)
START, TENTH = 100 * SECOND, SECOND // 10


def stereo_messages(count: int = 5, baseline: float = 0.5, lag: int = 2_000_000) -> list[Any]:
    """Two cameras, the right one `baseline` metres to the right and `lag` ns behind."""
    messages: list[Any] = []
    for number in range(count):
        for side, offset in (('left', 0.0), ('right', baseline)):
            stamp = START + number * TENTH + (lag if side == 'right' else 0)
            info = recordings.camera_info(stamp)
            info.p[3] = -info.p[0] * offset
            shown = number + (100 if side == 'right' else 0)
            messages.append((f'/{side}/camera_info', info, stamp))
            messages.append((f'/{side}/image_raw', recordings.image(stamp, shown), stamp))
    return messages


STEREO = replace(EXACT, topic='/left/image_raw', stereo_topic='/right/image_raw')


def test_a_stereo_pair(tmp_path: Path) -> None:
    bag = recordings.write_ros2(tmp_path / 'bag', stereo_messages())
    extract([bag], tmp_path / 'data', STEREO)
    (drive,) = read_dataset(tmp_path / 'data', stereo=True)
    assert drive.stereo is not None and len(drive.stereo.images) == 5
    for number, path in enumerate(drive.stereo.images):
        found = cv2.imread(str(path))[..., ::-1]
        np.testing.assert_array_equal(found, recordings.picture(100 + number))
    # A point 5 m ahead lies 0.5 m further to the left for the camera on the right.
    point = drive.stereo.T_stereo_current @ [0.2, 0.1, 5, 1]
    np.testing.assert_allclose(point, [-0.3, 0.1, 5, 1], atol=1e-12)
    assert drive.stereo.camera == drive.camera
    assert read_dataset(tmp_path / 'data')[0].stereo is None


def test_a_frame_without_its_stereo_image_is_left_out(tmp_path: Path) -> None:
    messages = [m for m in stereo_messages() if not (m[0] == '/right/image_raw' and m[1]
                .header.stamp.nanosec == 202_000_000)]  # fmt: skip
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    dataset = extract([bag], tmp_path / 'data', STEREO)
    assert dataset.drives['bag']['frames'] == 4
    assert 'stereo image' in ' '.join(dataset.drives['bag']['dropped'])
    shown = [
        cv2.imread(str(f))[0, 0, 2] for f in sorted((tmp_path / 'data/bag/stereo').glob('0*'))
    ]
    assert shown == [100, 101, 103, 104]


def test_the_place_of_the_second_camera_is_never_guessed(tmp_path: Path) -> None:
    bag = recordings.write_ros2(tmp_path / 'bag', stereo_messages(baseline=0.0))
    with pytest.raises(MdepthError, match='nothing says where /right/image_raw is'):
        extract([bag], tmp_path / 'data', STEREO)


def second_camera_by_tf_static(folder: Path, R: dict[str, np.ndarray]) -> np.ndarray:
    """T_stereo_current of two cameras side by side of which /tf_static tells, and their R."""
    messages = stereo_messages(baseline=0.0)
    for topic, message, _ in messages:
        message.header.frame_id = side = topic.split('/')[1]
        if topic.endswith('camera_info'):
            message.r = R[side].reshape(-1)
    tree = recordings.static_transforms(
        ('base_link', 'left', (1.0, 0.3, 1.5), OPTICAL),
        ('base_link', 'right', (1.0, -0.3, 1.5), OPTICAL),
    )
    bag = recordings.write_ros2(folder / 'bag', [('/tf_static', tree, START), *messages])
    extract([bag], folder / 'data', STEREO)
    return np.loadtxt(folder / 'data/bag/stereo/T_partner_current.txt')


def test_the_place_of_the_second_camera_from_tf_static(tmp_path: Path) -> None:
    T = second_camera_by_tf_static(tmp_path, {'left': np.eye(3), 'right': np.eye(3)})
    expected = np.eye(4)
    expected[0, 3] = -0.6  # REP-103: y is to the left, so the right camera is the second
    np.testing.assert_allclose(T, expected, atol=1e-12)


def cloud(stamp: int, points: list[tuple[float, float, float]]) -> Any:
    data = np.array(points, '<f4').reshape(-1).view(np.uint8)
    fields = [
        make('sensor_msgs/msg/PointField', name=name, offset=4 * i, datatype=7, count=1)
        for i, name in enumerate('xyz')
    ]
    return make(
        'sensor_msgs/msg/PointCloud2', header=recordings.header(stamp, 'lidar'), height=1,
        width=len(points), fields=fields, is_bigendian=False, point_step=12,
        row_step=12 * len(points), data=data, is_dense=True,
    )  # fmt: skip


def odometry(stamp: int, x: float) -> Any:
    def vector(kind: str, **values: float) -> Any:
        return make(f'geometry_msgs/msg/{kind}', **values)

    pose = vector(
        'Pose', position=vector('Point', x=x, y=0.0, z=0.0),
        orientation=vector('Quaternion', x=0.0, y=0.0, z=0.0, w=1.0),
    )  # fmt: skip
    still = vector('Vector3', x=0.0, y=0.0, z=0.0)
    return make(
        'nav_msgs/msg/Odometry', header=recordings.header(stamp, 'odom'),
        child_frame_id='base_link',
        pose=make('geometry_msgs/msg/PoseWithCovariance', pose=pose, covariance=np.zeros(36)),
        twist=make(
            'geometry_msgs/msg/TwistWithCovariance', covariance=np.zeros(36),
            twist=vector('Twist', linear=still, angular=still),
        ),
    )  # fmt: skip


def truth_messages() -> list[Any]:
    """A camera of 30 Hz, a lidar of 10 Hz on the roof, odometry of base_link."""
    messages = recordings.drive(9, step=TENTH // 3)
    tree = recordings.static_transforms(('base_link', 'lidar', (0.0, 0.0, 2.0), (0, 0, 0, 1)))
    messages.append(('/tf_static', tree, START))
    for number in range(3):
        stamp = START + number * TENTH + 4_000_000
        # Of the first two, both ahead on the optical axis, the nearer one hides the other.
        seen = [(11.0, 0.0, -0.5), (21.0, 0.0, -0.5), (5.0, 1.0, -0.5), (-9.0, 0, 0), (900, 0, 0)]
        messages.append(('/points', cloud(stamp, seen), stamp))
        messages.append(('/odom', odometry(stamp, 2.0 * number), stamp))
    return messages


TRUTH = replace(EXACT, truth_cloud='points', truth_odometry='/odom')


def test_points_of_the_lidar_land_on_their_pixels(tmp_path: Path) -> None:
    bag = recordings.write_ros2(tmp_path / 'bag', truth_messages())
    dataset = extract([bag], tmp_path / 'data', TRUTH)
    folder = tmp_path / 'data' / 'bag' / 'truth' / 'depth'
    # Every third image has a cloud within the time that separates images.
    assert sorted(p.name for p in folder.iterdir()) == ['000000.png', '000003.png', '000006.png']
    depth = cv2.imread(str(folder / '000003.png'), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16 and depth.shape == (32, 48)
    # The camera is 1 m ahead of base_link and 1.5 m above it; fx = 40, (cx, cy) = (24, 16).
    rows, columns = np.nonzero(depth)
    found = {(c, r): depth[r, c] / 256 for r, c in zip(rows, columns, strict=True)}
    assert found == {(24, 16): 10.0, (14, 16): 4.0}
    assert dataset.drives['bag']['truth'] == {
        'odometry': '/odom', 'poses': 3, 'depth': '/points', 'depths': 3,
    }  # fmt: skip


def test_poses_are_those_of_the_camera(tmp_path: Path) -> None:
    bag = recordings.write_ros2(tmp_path / 'bag', truth_messages())
    extract([bag], tmp_path / 'data', TRUTH)
    poses = read_trajectory(tmp_path / 'data' / 'bag' / 'truth' / 'poses.txt')
    np.testing.assert_allclose(poses.positions, [[1, 0, 1.5], [3, 0, 1.5], [5, 0, 1.5]])
    # The camera looks along x of the vehicle.
    np.testing.assert_allclose(poses.poses[0, :3, 2], [1, 0, 0], atol=1e-8)
    assert poses.stamps[1] == START + TENTH + 4_000_000


def turned(degrees: float) -> np.ndarray:
    """A rotation about the vertical axis of an optical frame."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def test_truth_is_of_the_rectified_camera(tmp_path: Path) -> None:
    """The images are turned by R of camera_info, so points and poses are too."""
    R = turned(5)
    messages = truth_messages()
    for topic, message, _ in messages:
        if topic.endswith('camera_info'):
            message.r = R.reshape(-1)
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    extract([bag], tmp_path / 'data', TRUTH)
    folder = tmp_path / 'data' / 'bag' / 'truth'
    depth = cv2.imread(str(folder / 'depth' / '000003.png'), cv2.IMREAD_UNCHANGED)
    expected = {}
    for x, y, z in ((0, 0, 10), (-1, 0, 4)):
        x, y, z = R @ [x, y, z]
        expected[round(24 + 40 * x / z), round(16 + 40 * y / z)] = z
    rows, columns = np.nonzero(depth)
    found = {(c, r): depth[r, c] / 256 for r, c in zip(rows, columns, strict=True)}
    assert found.keys() == expected.keys() == {(27, 16), (18, 16)}
    assert found == pytest.approx(expected, abs=1 / 256)
    poses = read_trajectory(folder / 'poses.txt').poses
    axes = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # of the camera in the vehicle
    np.testing.assert_allclose(poses[0, :3, :3], axes @ R.T, atol=1e-8)
    np.testing.assert_allclose(poses[1, :3, 3], [3, 0, 1.5], atol=1e-8)


def test_the_place_of_a_rectified_second_camera_from_tf_static(tmp_path: Path) -> None:
    T = second_camera_by_tf_static(tmp_path, {'left': turned(5), 'right': turned(3)})
    point = np.array([0.4, -0.2, 6.0])  # as the left camera has it, before it is rectified
    seen = T @ [*(turned(5) @ point), 1]
    np.testing.assert_allclose(seen[:3], turned(3) @ (point - [0.6, 0, 0]), atol=1e-9)


def test_a_lidar_of_another_clock_is_mentioned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [m for m in truth_messages() if m[0] != '/points']
    messages.append(('/points', cloud(START + 900 * SECOND, [(11.0, 0.0, -0.5)]), START))
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    extract([bag], tmp_path / 'data', TRUTH)
    assert 'no true depths' in capsys.readouterr().err.replace('\n', ' ')


def test_depth_images_are_truth_too(tmp_path: Path) -> None:
    messages = recordings.drive(4)
    depth = np.full((32, 48), 7.5, '<f4')
    depth[:, :10] = np.inf
    for number in range(4):
        stamp = START + number * TENTH
        image = recordings.image(
            stamp, encoding='32FC1', data=depth.reshape(-1).view(np.uint8), size=(48, 32)
        )
        image.step = 4 * 48
        messages.append(('/camera/depth', image, stamp))
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    extract([bag], tmp_path / 'data', replace(EXACT, truth_depth='/camera/depth'))
    found = cv2.imread(str(tmp_path / 'data/bag/truth/depth/000002.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, np.where(np.isfinite(depth), 7.5 * 256, 0))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'truth_cloud': '/nothing'}, 'no true cloud on /nothing: --truth-cloud can be /points'),
        ({'truth_odometry': '/points'}, '--truth-odometry can be /odom'),
        ({'truth_cloud': '/points', 'truth_depth': '/d'}, 'name one of them'),
    ],
)
def test_truth_that_is_not_there_is_said_at_once(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    bag = recordings.write_ros2(tmp_path / 'bag', truth_messages())
    with pytest.raises(MdepthError, match=message):
        extract([bag], tmp_path / 'data', replace(EXACT, **options))
    assert not (tmp_path / 'data' / 'bag').exists()


def test_truth_that_hangs_in_the_air_is_refused(tmp_path: Path) -> None:
    messages = [m for m in truth_messages() if m[0] != '/tf_static']
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    with pytest.raises(MdepthError, match="does not connect 'lidar' with 'cam': add"):
        extract([bag], tmp_path / 'data', TRUTH)


def test_the_lidar_of_a_real_drive(data_dir: Path, tmp_path: Path) -> None:
    bag = data_dir / 'bags' / 'kitti_city'
    if not bag.is_dir():
        pytest.skip(f'no {bag}')
    options = Options(truth_cloud='/velodyne_points', interval=0.5)
    (facts,) = extract([bag], tmp_path, options).drives.values()
    assert facts['size'] == [960, 288] and facts['frames'] == facts['truth']['depths'] >= 8
    depth = cv2.imread(str(tmp_path / 'kitti_city/truth/depth/000000.png'), cv2.IMREAD_UNCHANGED)
    assert depth.shape == (288, 960) and (depth > 0).mean() > 0.04
    # The lowest rows show the road in front of the car, at 6 m with this camera.
    road = depth[-12:, 400:560]
    assert 4 < np.median(road[road > 0]) / 256 < 9
