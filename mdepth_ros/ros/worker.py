# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The thread that owns the networks: it takes the newest image, steps, and publishes.

The executor's thread only receives, so slow networks delay no message. This thread publishes by
itself: publishers may be used from any thread. Python's lock is free while the networks compute.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.perception import Perception
from mdepth_ros.core.types import Estimate, Frame
from mdepth_ros.core.views import MAX_VIEWS
from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.limits import NANO
from mdepth_ros.ros.camera import LiveCamera
from mdepth_ros.ros.inputs import Arrival
from mdepth_ros.ros.outputs import NEEDS

MAX_FAILURES = 5  # in a row; then the process ends, so that it can be started again

Job = tuple[LiveCamera, Arrival, Frame, float]


class Worker:
    """Runs the step of all cameras on one estimator.

    cameras   see LiveCamera
    load      makes the estimator; called in this thread, so the node is alive meanwhile
    log       rclpy's logger
    on_ready  called when the estimator is there and warm
    on_fatal  called when the model does not load, or steps fail again and again
    quiet     tells whether the node is being shut down: then errors are not reported

    Attributes: estimator; problem, why its steps fail; fatal, why nothing more will come, and
    exit_status, 2 where a setting of the user's is the reason and 1 elsewhere; busy_since, when
    the step at hand began, by time.monotonic().
    """

    def __init__(
        self,
        cameras: Sequence[LiveCamera],
        load: Callable[[], Estimator],
        log: Any,
        on_ready: Callable[[Estimator], None],
        on_fatal: Callable[[], None],
        quiet: Callable[[], bool],
    ) -> None:
        self.estimator: Estimator | None = None
        self._perception: Perception | None = None
        self.problem = ''
        self.fatal, self.exit_status = '', 1
        self.busy_since: float | None = None
        self._cameras, self._load, self._log = cameras, load, log
        self._on_ready, self._on_fatal, self._quiet = on_ready, on_fatal, quiet
        self._wake = threading.Condition()
        self._enabled = self._stopping = False
        self._failures = 0
        # A daemon: a model that loads for a minute must not keep Ctrl-C waiting.
        self._thread = threading.Thread(target=self._run, name='networks', daemon=True)

    def start(self) -> None:
        """Start the thread; it does nothing until it is enabled."""
        self._thread.start()

    def notify(self) -> None:
        """Say that a camera has an image."""
        with self._wake:
            self._wake.notify()

    def enable(self, enabled: bool) -> None:
        """Load the networks, or free them and the device's memory."""
        with self._wake:
            self._enabled = enabled
            self.problem = ''
            self._wake.notify()

    def stop(self, timeout: float) -> bool:
        """End the thread after the step at hand; False where that takes longer than `timeout`."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(self._has_work)
                stopping, enabled = self._stopping, self._enabled
            if stopping:
                break
            if not enabled:
                self._free()
            elif self.estimator is None:
                self._make()
            else:
                self._step()
        self._free()

    def _has_work(self) -> bool:
        if self._stopping or not self._enabled:
            return self._stopping or self.estimator is not None
        if self.estimator is None:
            return True
        return any(camera.input.waiting for camera in self._cameras)

    def _make(self) -> None:
        try:
            estimator = self._load()
            self._perception = Perception(estimator)
            for camera in self._cameras:
                camera.connect(self._perception)
            self.estimator = estimator
            self._on_ready(estimator)
        except Exception as error:  # a driver, a library or a file may raise anything
            self._free()
            self._end(_problem('the model is not loaded', error), isinstance(error, MdepthError))

    def _free(self) -> None:
        self.estimator = self._perception = None
        for camera in self._cameras:
            camera.disconnect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _step(self) -> None:
        self.busy_since = time.monotonic()
        jobs = [job for camera in self._cameras if (job := self._job(camera)) is not None]
        for group in self._groups(jobs):
            try:
                self._step_group(group)
                self._failures, self.problem = 0, ''
            except Exception as error:
                # A MdepthError is about what a camera sent, which its user can correct meanwhile.
                self._failures += not isinstance(error, MdepthError)
                self._fail('a frame is lost', error)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
        self.busy_since = None
        if self._failures >= MAX_FAILURES:
            self._end(f'{self._failures} steps failed in a row: {self.problem}')

    def _end(self, reason: str, by_user: bool = False) -> None:
        """Give up: the exit status tells whoever started the node."""
        self._stopping = True
        if not self._quiet():
            self.fatal, self.exit_status = reason, 2 if by_user else 1
            self._on_fatal()

    def _job(self, camera: LiveCamera) -> Job | None:
        arrival = camera.input.take()
        if arrival is None:
            return None
        start = time.monotonic()
        try:
            frame = camera.prepare(arrival)
        except MdepthError as error:
            self._log.warning(shown(str(error)), throttle_duration_sec=5.0)
            return None
        return camera, arrival, frame, start

    def _groups(self, jobs: list[Job]) -> list[list[Job]]:
        """Frames that were taken at nearly one time, and go through the networks together."""
        groups: list[list[Job]] = []
        assert self._perception is not None, 'a job has a connected camera'
        for job in sorted(jobs, key=lambda job: job[2].stamp):
            pairing = self._perception.trackers[job[0].name].pairing
            near = pairing.frame_interval / 2 * NANO
            last = groups[-1] if groups else []
            if last and job[2].stamp - last[0][2].stamp <= near and len(last) < MAX_VIEWS:
                last.append(job)
            else:
                groups.append([job])
        return groups

    def _step_group(self, group: list[Job]) -> None:
        begin = time.monotonic()
        wanted = [camera.wanted() for camera, *_ in group]
        parts = {NEEDS[name] for names in wanted for name in names if name in NEEDS}
        assert self._perception is not None, 'a job has a connected camera'
        estimates = self._perception.step([frame for _, _, frame, _ in group], parts)
        for (camera, arrival, _, start), names, estimate in zip(
            group, wanted, estimates, strict=True
        ):
            stepped = time.monotonic()
            camera.publish(estimate, names)
            own = {
                'wait': start - arrival.time,
                'decode': begin - start,
                'publish': time.monotonic() - stepped,
            }
            camera.statistics.processed(estimate, own)
            of = f'{camera.name}: ' if camera.name else ''
            took = 1e3 * (time.monotonic() - start)
            self._log.debug(
                shown(
                    f'{of}frame {estimate.stamp / NANO:.3f}: {estimate.status}, pair of '
                    f'{estimate.interval:.3f} s, {took:.1f} ms'
                )
            )
            self._warn(of, estimate)

    def _warn(self, of: str, estimate: Estimate) -> None:
        """Say what is wrong with the odometry; a throttle is of a line: each kind has its own."""
        if estimate.stale:
            line = f'{of}an image has depth, but no odometry: {estimate.reason}'
            self._log.warning(shown(line), throttle_duration_sec=5.0)
        elif estimate.status == 'degraded':
            line = f'{of}the odometry is unsure: {estimate.reason}'
            self._log.warning(shown(line), throttle_duration_sec=5.0)
        elif estimate.reason and estimate.reason != 'first frame':
            line = f'{of}the odometry holds its pose: {estimate.reason}'
            self._log.warning(shown(line), throttle_duration_sec=5.0)

    def _fail(self, what: str, error: Exception) -> None:
        if self._quiet():
            return
        self.problem = _problem(what, error)
        self._log.error(shown(self.problem), throttle_duration_sec=1.0)
        self._log.debug(traceback.format_exc())


def _problem(what: str, error: Exception) -> str:
    line = str(error) if isinstance(error, MdepthError) else f'{type(error).__name__}: {error}'
    return f'{what}: {(line.strip().splitlines() or [""])[0]}'
