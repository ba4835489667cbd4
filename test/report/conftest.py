# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A drive past a slanted plane, as a recording with truth and as the output of a run over it.

The disparity of a plane is linear in the pixel, so sampling it between pixels is exact, but for
the outermost half pixel. The estimate is the truth times a factor, seen by a camera with
another crop and size.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from mdepth_ros.evaluation.files import write_tum
from mdepth_ros.evaluation.trajectory import Trajectory
from mdepth_ros.geometry import Camera
from mdepth_ros.ros import clouds, conversions, images, recording

CAMERA = Camera(160, 96, 120.0, 120.0, 80.0, 40.0)
SMALL = CAMERA.cropped(10, 8, 140, 84).scaled(70, 42)
START = 1_700_000_000_000_000_000
FRAMES = 12
# 1 / z = plane . ray: a ground-like plane, 5 to 20 m away
PLANE = np.array([0.02, 0.2, 0.1])
OPTICAL = np.array([[0, 0, 1, 1.5], [-1, 0, 0, 0.2], [0, -1, 0, 1.4], [0, 0, 0, 1.0]])
LIDAR = np.array([[1, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 1.8], [0, 0, 0, 1.0]])


def rays(camera):
    v, u = np.mgrid[: camera.height, : camera.width].astype(float)
    return np.stack(
        [(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)], -1
    )


def plane_depth(camera):
    return (1 / (rays(camera) @ PLANE)).astype(np.float32)


def drive(factor=1.0):
    """Poses of base_link: a left-hand bend, 2 m per frame."""
    pose, poses = np.eye(4), []
    step = np.eye(4)
    step[:2, :2] = [[math.cos(0.1), -math.sin(0.1)], [math.sin(0.1), math.cos(0.1)]]
    step[0, 3] = 2 * factor
    for _ in range(FRAMES):
        poses.append(pose)
        pose = pose @ step
    return Trajectory(START + np.arange(FRAMES) * 100_000_000, np.array(poses))


def odometry(pose, stamp, child):
    zero = np.zeros((6, 6))
    header = conversions.make_header(stamp, 'odom')
    return conversions.odometry_message((pose, zero), (np.zeros(6), zero), header, child)


def static(*edges):
    from tf2_msgs.msg import TFMessage

    return TFMessage(
        transforms=[
            conversions.transform_stamped(T, conversions.make_header(0, parent), child)
            for parent, child, T in edges
        ]
    )


class World:
    """Writes recordings and runs; every test changes one thing."""

    def __init__(self, folder):
        self.source = folder / 'source'
        self.out = folder / 'out'
        self.drive = drive
        self.optical = OPTICAL

    def estimate(self, factor):
        return plane_depth(SMALL) * np.float32(factor)

    def small_pixels(self):
        """Where the pixels of the estimate lie in the recorded image."""
        ray = rays(SMALL)
        return ray[..., 0] * CAMERA.fx + CAMERA.cx, ray[..., 1] * CAMERA.fy + CAMERA.cy

    def record(self, *, depth=True, lidar=False, odom=True, moving=False, late=0, edit=None):
        """The recording, with its truths `late` ns behind the images."""
        truth = plane_depth(CAMERA)
        camera_lidar = np.linalg.inv(OPTICAL) @ LIDAR
        points = (rays(CAMERA)[::4, ::4] * truth[::4, ::4, None]).reshape(-1, 3)
        behind = points[:50] * [1, 1, -1]
        points = np.concatenate([points, behind, 2 * points[500:520], np.full((5, 3), np.nan)])
        lidar_points = (points - camera_lidar[:3, 3]) @ camera_lidar[:3, :3]
        mask = np.zeros((96, 160), np.uint8)
        mask[60:80, 50:90] = 255
        with recording.BagWriter(self.source) as bag:
            edges = [('base_link', 'camera', OPTICAL), ('base_link', 'lidar', LIDAR)]
            bag.write('/tf_static', static(*edges[: 1 if edit == 'no lidar frame' else 2]), START)
            for stamp, pose in zip(drive().stamps.tolist(), drive().poses, strict=True):
                header = conversions.make_header(stamp, 'camera')
                then = conversions.make_header(stamp + late, 'camera')
                picture = np.full((96, 160, 3), 90, np.uint8)
                bag.write('/camera/image', images.image_message(picture, header, 'rgb8'), stamp)
                bag.write('/camera/camera_info', conversions.camera_to_info(CAMERA, header), stamp)
                if depth:
                    bag.write('/camera/depth', images.depth_message(truth, then), stamp)
                if edit == 'two depths':
                    bag.write('/rear/depth', images.depth_message(truth, then), stamp)
                if moving:
                    message = images.image_message(mask, then, 'mono8')
                    bag.write('/camera/moving', message, stamp)
                if lidar:
                    of_lidar = conversions.make_header(stamp + late, 'lidar')
                    bag.write('/lidar', cloud(lidar_points, of_lidar), stamp)
                if odom:
                    message = odometry(pose, stamp + late, 'base_link')
                    bag.write('/ground_truth/odom', message, stamp)
        return self.source

    def run(self, factor=0.5, *, way=0.25, depth=None, confidence=None, odom=True, info=None):
        """The output of a run whose depth is `factor` and whose way is `way` times the truth."""
        estimate = self.estimate(factor) if depth is None else depth
        self.out.mkdir()
        with recording.BagWriter(self.out / 'bag') as bag:
            bag.write('/tf_static', static(('base_link', 'camera', OPTICAL)), START)
            for stamp, pose in zip(drive().stamps.tolist(), drive(way).poses, strict=True):
                header = conversions.make_header(stamp, 'camera')
                bag.write('/depth/image_rect', images.depth_message(estimate, header), stamp)
                message = conversions.camera_to_info(SMALL, header)
                bag.write('/depth/camera_info', message, stamp)
                if confidence is not None:
                    message = images.image_message(confidence, header, '32FC1')
                    bag.write('/depth/confidence', message, stamp)
                if odom:
                    bag.write('/odom', odometry(pose, stamp, 'base_link'), stamp)
        write_tum(self.out / 'trajectory.tum', drive(way))
        info = {'source': str(self.source), 'camera_frame': 'camera', **(info or {})}
        (self.out / 'run.json').write_text(json.dumps(info))
        return self.out


def cloud(points, header):
    builder = clouds.PointCloudBuilder()
    camera = Camera(len(points), 1, 1.0, 1.0, 0.0, 0.0)
    ones = np.ones((1, len(points)), np.float32)
    message = builder.build(ones, np.zeros((1, len(points), 3), np.uint8), camera, header)
    data = np.zeros((len(points), 4), '<f4')
    data[:, :3] = points
    message.data = type(message.data)('B', data.tobytes())
    return message


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)
