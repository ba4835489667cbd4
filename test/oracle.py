# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The live node with an oracle in the place of its networks.

The oracle says what it sees, so that the right answers are known; everything else is the node as
it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import live
import numpy as np
from live import at

from mdepth_ros.core.types import Prediction
from mdepth_ros.ros.mdepth_node import MdepthNode

# isort: split
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage

OUTPUTS = {
    '/depth/image_rect': Image,
    '/depth/camera_info': CameraInfo,
    '/depth/image_rect_color': Image,
    '/depth/confidence': Image,
    '/depth/color': Image,
    '/depth/points': PointCloud2,
    '/odom': Odometry,
    '/path': PathMessage,
    '/tf': TFMessage,
}
SIZE = (64, 96)  # height and width of the model's images
FORWARD = np.eye(4)
FORWARD[2, 3] = 0.125  # units along the optical axis; 4 m per unit: 0.5 m in 0.1 s


class Oracle:
    """What the networks are made to say: depth in units, motion of the camera."""

    depth: Any = np.full(SIZE, 1.25, np.float32)  # 5 m
    motion: Any = FORWARD

    def predict(self, estimator: Any, pairs: Sequence[Any], parts: Any = ()) -> list[Prediction]:
        """In the place of Estimator.__call__."""
        predictions = []
        for pair in pairs:
            view = estimator.views.of(pair.current.camera, pair.current.mask)
            predictions.append(
                Prediction(
                    depth=np.array(self.depth, np.float32),
                    motion=np.eye(4) if pair.reason else np.array(self.motion, float),
                    confidence=np.ones(SIZE, np.float32),
                    camera=view.camera,
                    image=np.zeros((*SIZE, 3), np.uint8),
                    visible=view.visible,
                    timings={'sample': 0.0, 'network': 0.0, 'post': 0.0},
                )
            )
        return predictions


@contextmanager
def node(model: Path, **values: Any) -> Iterator[tuple[live.Live, dict[str, list[Any]]]]:
    """The node with all its outputs heard, mounted and calibrated."""
    common = {'model': str(model), 'device': 'cpu', 'precision': 'fp32', 'path_every': 1}
    with live.live(MdepthNode, **{**common, **values}) as running:
        heard = {topic: running.listen(kind, topic) for topic, kind in OUTPUTS.items()}
        running.info()
        running.mount()
        publishers = running.node.cameras[0]._publishers.values()
        running.until(lambda: all(p.get_subscription_count() for p in publishers), 'subscribers')
        yield running, heard


def drive(
    running: live.Live, heard: dict[str, list[Any]], count: int, first: int = 0, tf: bool = True
) -> None:
    """So many images, each when every output of the one before is there."""
    topics = [topic for topic in OUTPUTS if tf or topic != '/tf']
    for number in range(first, first + count):
        before = {topic: len(heard[topic]) for topic in topics}
        running.image(at(number))
        running.until(
            lambda b=before: all(len(heard[topic]) > b[topic] for topic in topics), 'all outputs'
        )
