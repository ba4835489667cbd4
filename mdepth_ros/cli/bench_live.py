# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth bench --live`: how old depth is when it leaves the live node."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mdepth_ros.cli.bench_step import random_pictures
from mdepth_ros.cli.free_domain import own_domain
from mdepth_ros.cli.live import live_node
from mdepth_ros.core.types import OPTICAL_ROTATION
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import load_model
from mdepth_ros.ros import conversions, images  # before any message: makes them importable
from mdepth_ros.ros.bag_topics import message_class
from mdepth_ros.ros.outputs import TOPICS, topic_name

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from tf2_ros import StaticTransformBroadcaster

RATE = 10.0  # Hz
WIDTH, HEIGHT = 1242, 375  # KITTI's
NAMESPACE = '/mdepth_bench'
WARM = 3.0  # s that are not measured
PATIENCE = 120.0  # s for the node to load its model
DRAIN = 10.0  # s at most for the depth of the last image
LARGEST_P99, LARGEST_OWN = 100.0, 5.0  # ms
MS = '{:.1f} ms'
# In the order of time; a part of a stage stands below it, further in.
STAGES = {
    'wait': 0, 'decode': 0,
    'step': 0, 'pairing': 1, 'estimator': 1, 'sample': 2, 'network': 2, 'refine': 2, 'post': 2,
    'scale': 1, 'odometry': 1,
    'publish': 0, 'latency': 0,
}  # fmt: skip


def measure_live(model: Path, seconds: float) -> dict[str, Any]:
    """Feed the node with images at 10 Hz, listen to all its outputs; return numbers in ms and MB.

    'age_ms'         from the stamp of an image to the publication of its depth: median, p99, max
    'arrival_ms'     the same to its arrival at a subscriber
    'sent', 'depths' images in the time that was measured, and depth images of these
    'dropped'        images without: a newer one came before the networks were free, or it got
                     lost on the way
    'late'           share of the depth images that are older than two median steps; None where
                     the node reported none
    'outputs'        messages by topic
    'stages_ms'      medians that the node itself reports, 'step' and 'publish' among them
    'memory_mb'      of the node's process, at the beginning and the end

    Raises MdepthError where the node does not start or gives no depth.
    """
    load_model(model)  # the node would stay alive and say again and again that it cannot
    with own_domain(), _node(model) as process, live_node('mdepth_bench') as node:
        camera, listener = _Camera(node), _Listener(node)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            _spin(executor, process, lambda: bool(listener.ages), PATIENCE)
            _spin(executor, process, lambda: False, WARM)
            camera.sent = 0
            listener.start(node.get_clock().now().nanoseconds)
            before = _memory(process.pid)
            _spin(executor, process, lambda: False, seconds)
            camera.timer.cancel()
            _spin(executor, process, lambda: listener.newest == camera.newest, DRAIN)
            return {
                'seconds': seconds,
                'sent': camera.sent,
                'depths': len(listener.ages),
                'dropped': camera.sent - len(listener.ages),
                'age_ms': _spread(listener.ages),
                'arrival_ms': _spread(listener.arrivals),
                'late': _late(listener),
                'outputs': dict(sorted(listener.counts.items())),
                'stages_ms': listener.stages,
                'memory_mb': [before, _memory(process.pid)],
            }
        finally:
            executor.shutdown()
    raise KeyboardInterrupt  # which ended the block above


class _Camera:
    """Publishes random pictures, their camera_info and where the camera is mounted."""

    def __init__(self, node: Any) -> None:
        self.sent = 0
        self.newest = 0  # its stamp, ns
        self._clock = node.get_clock()
        header = conversions.make_header(0, 'camera')
        camera = Camera(WIDTH, HEIGHT, 721.5, 721.5, 609.6, 172.9)
        pictures = random_pictures(HEIGHT, WIDTH, 4)
        self._messages = [images.image_message(each, header, 'rgb8') for each in pictures]
        self._info = conversions.camera_to_info(camera, header)
        quality = qos_profile_sensor_data
        self._image = node.create_publisher(Image, f'{NAMESPACE}/image', quality)
        self._infos = node.create_publisher(CameraInfo, f'{NAMESPACE}/camera_info', quality)
        self._tree = StaticTransformBroadcaster(node)
        base = conversions.make_header(0, 'base_link')
        self._tree.sendTransform(conversions.transform_stamped(OPTICAL_ROTATION, base, 'camera'))
        self.timer = node.create_timer(1 / RATE, self._send)

    def _send(self) -> None:
        image = self._messages[self.sent % len(self._messages)]
        now = self._clock.now()
        self.newest = now.nanoseconds
        image.header.stamp = self._info.header.stamp = now.to_msg()
        self._infos.publish(self._info)
        self._image.publish(image)
        self.sent += 1


class _Listener:
    """Listens to every output, and takes the ages of the depth images in ms."""

    def __init__(self, node: Any) -> None:
        self.start(0)
        self._clock = node.get_clock()
        for name, kind in TOPICS.items():
            topic = topic_name(name, NAMESPACE)
            heard = self._depth if name == 'depth/image_rect' else partial(self._other, name)
            node.create_subscription(message_class(kind), topic, heard, 10, raw=True)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._diagnose, 10)

    def start(self, since: int) -> None:
        """Forget what came so far, and the depth of images from before `since` (ns)."""
        self._since = self.newest = since
        self.ages: list[float] = []
        self.arrivals: list[float] = []
        self.counts: Counter[str] = Counter()
        self.stages: dict[str, float] = {}

    def _depth(self, data: bytes, info: Any) -> None:
        seconds, nanoseconds = struct.unpack_from('<iI', data, 4)  # behind the CDR header
        stamp = seconds * 10**9 + nanoseconds
        if stamp < self._since:
            return
        self.newest = stamp
        self.ages.append((info['source_timestamp'] - stamp) / 1e6)
        self.arrivals.append((self._clock.now().nanoseconds - stamp) / 1e6)
        self.counts['depth/image_rect'] += 1

    def _other(self, name: str, data: bytes) -> None:
        self.counts[name] += 1

    def _diagnose(self, message: Any) -> None:
        for status in message.status:
            if not status.name.endswith('output'):
                continue
            for pair in status.values:
                found = re.fullmatch(r'median ([\d.]+), p99 [\d.]+', pair.value)
                if found and pair.key.endswith(' [ms]'):
                    self.stages[pair.key.removesuffix(' [ms]')] = float(found[1])


@contextmanager
def _node(model: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The live node in a process of its own."""
    arguments = ['--namespace', NAMESPACE, '--model', str(model)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, '-m', 'mdepth_ros.cli.main', 'node', *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        except MdepthError as error:
            log.seek(0)
            said = log.read().decode(errors='replace').strip().splitlines() or ['nothing']
            raise MdepthError(f'{error}; the node said: {said[-1]}') from None
        finally:
            process.terminate()
            process.wait()


def _spin(executor: Any, process: Any, done: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        left = end - time.monotonic()
        if left <= 0:
            if seconds == PATIENCE:
                raise MdepthError(f'the node gave no depth within {seconds:.0f} s')
            return
        if process.poll() is not None:
            raise MdepthError(f'the node ended with status {process.returncode}')
        executor.spin_once(timeout_sec=min(left, 0.2))


def _late(listener: _Listener) -> float | None:
    if 'step' not in listener.stages:
        return None
    most = 2 * listener.stages['step']
    return sum(age > most for age in listener.ages) / len(listener.ages)


def _memory(pid: int) -> float:
    """Resident memory of a process in MB; 0 where the system does not tell."""
    try:
        text = Path(f'/proc/{pid}/status').read_text(encoding='ascii')
    except OSError:
        return 0.0
    found = re.search(r'VmRSS:\s+(\d+) kB', text)
    return int(found[1]) / 1e3 if found else 0.0


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        raise MdepthError('no depth came in the time that was measured: measure longer')
    ordered = sorted(values)
    last = len(ordered) - 1
    return {'median': ordered[last // 2], 'p99': ordered[round(0.99 * last)], 'max': ordered[-1]}


def targets_of(numbers: dict[str, Any]) -> list[tuple[str, float, float, str]]:
    """(what, measured, at most, how both are written) of what `measure_live` returned with stages.

    With a step that is longer than the period of the images, each waits for the step at hand, and
    then for its own: no age is above two steps.
    """
    stages, age = numbers['stages_ms'], numbers['age_ms']
    step = stages['step']
    if step > 1e3 / RATE:
        return [
            ('depth images older than 2 steps', 100 * numbers['late'], 0.0, '{:.1f} %'),
            ('age, p99: 2 steps', age['p99'], 2 * step, MS),
            ('age, max: 2 steps', age['max'], 2 * step, MS),
        ]
    own = stages['decode'] + stages['publish']
    return [
        ('age, median: 1.5 steps + 10 ms', age['median'], 1.5 * step + 10, MS),
        ('age, p99', age['p99'], LARGEST_P99, MS),
        ("the node's own share: decode, messages, publish", own, LARGEST_OWN, MS),
    ]
