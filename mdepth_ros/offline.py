# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The offline run: every frame of a source through the step, and the results into a directory.

    OUTPUT/bag/              a rosbag2 with the chosen topics, /tf_static and the model card
    OUTPUT/trajectory.tum    poses of the base frame in odom: seconds x y z qx qy qz qw
    OUTPUT/trajectory.kitti  poses of the camera in its first frame: 12 numbers of a 3x4 matrix
    OUTPUT/scale.csv         metres per unit of every frame, where they were measured
    OUTPUT/run.json          source, model, settings and counts

Nothing in them depends on the time or speed of the run: two runs give the same bytes.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.types import Estimate, Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.files import kitti_line, tum_line
from mdepth_ros.report.poses import find_base
from mdepth_ros.report.scale_over_time import ScaleFile
from mdepth_ros.ros import conversions, outputs  # before any message: makes them importable
from mdepth_ros.ros.recording import BagWriter, behind_link, clear_remains
from mdepth_ros.run_report import RunReport
from mdepth_ros.sources.base import ImageSource, RawMessage

# isort: split
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

Matrix = NDArray[np.float64]
MODEL_TOPIC = 'mdepth/model'


class Step(Protocol):
    """What the run needs of `Perception`."""

    @property
    def warnings(self) -> list[str]:
        """What the user should know."""

    def step(self, frames: Sequence[Frame]) -> list[Estimate]:
        """Everything that new frames tell."""


def run(
    source: ImageSource,
    perception: Step,
    output: Path,
    *,
    topics: Collection[str] = tuple(outputs.TOPICS),
    namespace: str = '',
    base_frame: str | None = None,
    storage: str = 'mcap',
    keep_inputs: bool = False,
    overwrite: bool = False,
    card: str = '',
    settings: Mapping[str, Any] | None = None,
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
    **options: Any,
) -> RunReport:
    """Take every frame of `source` through `perception.step` and write the results to `output`.

    topics        outputs to write, names of `outputs.TOPICS`, under `namespace`
    base_frame    see `find_base`; where it is not connected with the camera, odometry, path, TF
                  and trajectories are withheld, with a warning in the report
    keep_inputs   copy the messages of image and camera_info as they were recorded
    card          the model card, for the latched topic `mdepth/model`
    settings      goes into run.json
    on_progress   called with the number of frames done, and of all where that is known
    options       more of `outputs.Outputs`

    Ctrl-C ends the run after the frame at hand: what there is so far is whole, and the report says
    `interrupted`. Where it is killed, the bag so far is in `<output>.partial`, and stays there.
    Raises MdepthError where the output, or such a bag, exists already, where a kept topic and an
    output have the same name, and for a full disk; then nothing is left of the output.
    """
    base_frame, mount = find_base(source, base_frame)
    report = RunReport(output, base_frame, source.frame_id, mount is not None)
    made = outputs.Outputs(
        topics, namespace=namespace, base_frame=base_frame, T_base_camera=mount, **options
    )
    own = {outputs.topic_name(name, namespace) for name in topics}
    model_topic = outputs.topic_name(MODEL_TOPIC, namespace)
    with _directory(output, overwrite) as folder, ExitStack() as stack:
        writer = BagWriter(folder / 'bag', storage, latched=('/tf_static', model_topic))
        bag = stack.enter_context(writer)
        trajectory = stack.enter_context(_Trajectory(folder, mount)) if mount is not None else None
        scales = stack.enter_context(ScaleFile(folder))
        stopped = stack.enter_context(_interrupt())
        for estimate in _estimates(source, perception, report, stopped, on_progress):
            if report.frames == 0:
                _write_latched(bag, source, estimate.stamp, model_topic, card)
            if keep_inputs:
                _copy(bag, source.inputs, own, report)
            for topic, message in made.messages(estimate):
                bag.write(topic, message, estimate.stamp)
            if not estimate.stale:
                if trajectory is not None:
                    trajectory.add(estimate)
                scales.add(estimate.stamp, estimate.scale)
        if report.frames == 0:
            raise MdepthError(f'{source.name} gave no frame: nothing was written')
        facts = {**(settings or {}), 'topics': sorted(topics), **report.facts()}
        (folder / 'run.json').write_text(
            json.dumps(facts, indent=2, sort_keys=True) + '\n', 'utf-8'
        )
    return report


def _estimates(
    source: ImageSource,
    perception: Step,
    report: RunReport,
    stopped: Callable[[], bool],
    on_progress: Callable[[int, int | None], None],
) -> Iterator[Estimate]:
    """Step through the source; a frame is counted when its results are written."""
    start = written = time.perf_counter()
    for frame in source:
        read = time.perf_counter()
        report.spent('read', read - written)
        (estimate,) = perception.step([frame])
        stepped = time.perf_counter()
        yield estimate
        report.add(frame, estimate)
        written = time.perf_counter()
        report.spent('write', written - stepped)
        on_progress(report.frames, source.total)
        if stopped():
            report.interrupted = True
            break
    report.losses, report.seconds = source.losses, time.perf_counter() - start
    report.warnings += perception.warnings


@contextmanager
def _directory(output: Path, overwrite: bool) -> Iterator[Path]:
    """Give a directory to write in; it becomes `output` when everything in it is whole."""
    output = behind_link(output)
    if output.name in ('', '..'):
        raise MdepthError(f'{output} is no name for the results: name a directory to be made')
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        if not overwrite:
            raise MdepthError(f'{output} exists already: choose another name or add --overwrite')
        if not (output / 'run.json').is_file():
            raise MdepthError(f'{output} is not the output of a run: it is not overwritten')
    partial = output.with_name(f'{output.name}.partial')
    clear_remains(partial, overwrite)
    try:
        partial.mkdir(parents=True)
        yield partial
        if output.exists():
            shutil.rmtree(output)
        partial.rename(output)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise MdepthError(
            f'cannot write {output}: {error.strerror or error}; free some space or choose '
            'another place'
        ) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def _interrupt() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a flag, so that no frame is half written; a second one kills."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def remember(number: int, frame: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, remember)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


class _Trajectory:
    """The trajectory files, written line by line."""

    def __init__(self, folder: Path, mount: Matrix) -> None:
        self._folder = folder
        self._mount = mount
        self._first: Matrix | None = None

    def __enter__(self) -> _Trajectory:
        self._tum: TextIO = self._open('trajectory.tum')
        self._kitti: TextIO = self._open('trajectory.kitti')
        return self

    def _open(self, name: str) -> TextIO:
        # Line by line: a run that is killed leaves what it did.
        return (self._folder / name).open('w', buffering=1, encoding='utf-8')

    def add(self, estimate: Estimate) -> None:
        base, _ = conversions.pose_of_base(estimate.pose, estimate.pose_covariance, self._mount)
        pose = conversions.matrix_to_pose(base)
        p, q = pose.position, pose.orientation
        self._tum.write(tum_line(estimate.stamp, (p.x, p.y, p.z), (q.x, q.y, q.z, q.w)))
        if self._first is None:
            self._first = estimate.pose
        self._kitti.write(kitti_line(np.linalg.solve(self._first, estimate.pose)))

    def __exit__(self, *_: object) -> None:
        self._tum.close()
        self._kitti.close()


def _write_latched(bag: BagWriter, source: ImageSource, stamp: int, topic: str, card: str) -> None:
    """Write what a viewer needs from the first frame on: the static tree, and the model card."""
    edges = source.extrinsics.edges()
    if edges:
        transforms = [
            conversions.transform_stamped(matrix, conversions.make_header(stamp, parent), child)
            for parent, child, matrix in edges
        ]
        bag.write('/tf_static', TFMessage(transforms=transforms), stamp)
    if card:
        bag.write(topic, String(data=card), stamp)


def _copy(
    bag: BagWriter, inputs: Collection[RawMessage], own: Collection[str], report: RunReport
) -> None:
    if not inputs and report.frames == 0:
        report.warnings.append('no inputs are kept: only a bag has messages to copy')
    for message in inputs:
        if message.topic in own:
            raise MdepthError(
                f'{message.topic} is an input and an output: add --namespace for the outputs'
            )
        bag.write_raw(message.topic, message.type, message.data, message.time)
