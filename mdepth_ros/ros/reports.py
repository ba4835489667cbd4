# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node reports on /diagnostics: functions of plain values, no ROS here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mdepth_ros.ros.no_output import Cause
from mdepth_ros.ros.qos import Incompatible
from mdepth_ros.ros.statistics import Snapshot, Spread

if TYPE_CHECKING:
    from mdepth_ros.core.estimator import Estimator
    from mdepth_ros.core.types import Scale
    from mdepth_ros.ros.node import Loss

OK, WARN, ERROR = range(3)
LEVELS = {'held': WARN, 'degraded': WARN, 'lost': ERROR}
"""Of the status of the odometry; the others are OK."""
OTHER_CLOCK = 3600.0
"""Seconds; stamps that are farther from the node's clock are of another clock."""
OLD = 1.0  # seconds: an image that is older when it arrives is no live image


class Report(NamedTuple):
    """One status: level, one line, and (key, value) pairs."""

    level: int
    message: str
    values: tuple[tuple[str, str], ...] = ()


def input_report(
    now: Snapshot, cause: Cause, topic: str, transport: str, assumed: str = '', mask: str = ''
) -> Report:
    """Rate, age and losses of the images.

    cause    why there is no output, if there is none
    assumed  what of the images is not certain, '' where all is
    mask     file of what is never used of them, '' where there is none
    """
    level, message = OK, f'{now.input_rate:.1f} Hz'
    age = now.input_age.median
    other_clock = abs(age) > OTHER_CLOCK
    if cause.line:
        level, message = _no_output(cause)
    elif now.since_input is None:
        level, message = WARN, 'no image so far'
    elif other_clock:
        message += "; the stamps are of another clock than the node's: see use_sim_time"
        level = WARN
    elif age > OLD:
        message += f'; images are {age:.1f} s old when they arrive: check clocks and network'
        level = WARN
    values = (
        ('topic', topic),
        ('transport', transport),
        ('assumed', assumed or 'nothing'),
        ('mask', mask or 'none'),
        ('rate [Hz]', f'{now.input_rate:.2f}'),
        ('age at arrival, median [ms]', 'unknown' if other_clock else f'{1e3 * age:.1f}'),
        ('since the last image [s]', _seconds(now.since_input)),
        ('received', str(now.received)),
        ('replaced by newer ones', str(now.superseded)),
        ('not usable', str(now.unreadable)),
    )
    return Report(level, message, values)


def _no_output(cause: Cause) -> tuple[int, str]:
    return OK if cause.expected else ERROR, cause.line


def output_report(now: Snapshot, cause: Cause) -> Report:
    """Rate and latency of the depth, and the time of every stage."""
    level = OK
    message = f'{now.output_rate:.1f} Hz, {1e3 * now.latency.median:.0f} ms after the image'
    other_clock = abs(now.latency.median) > OTHER_CLOCK
    if other_clock:
        message = f'{now.output_rate:.1f} Hz'
    if cause.line:
        level, message = _no_output(cause)
    elif now.since_output is None:
        level, message = WARN, 'no depth so far'
    elif now.output_rate < 0.8 * now.input_rate:
        level = WARN
        message += f'; the networks are slower than the camera ({now.input_rate:.1f} Hz)'
    values = [
        ('rate [Hz]', f'{now.output_rate:.2f}'),
        ('latency [ms]', 'unknown' if other_clock else _milliseconds(now.latency)),
        ('since the last depth [s]', _seconds(now.since_output)),
        ('processed', str(now.processed)),
    ]
    values += [(f'{name} [ms]', _milliseconds(spread)) for name, spread in now.stages.items()]
    return Report(level, message, tuple(values))


def odometry_report(
    now: Snapshot,
    cause: Cause,
    problem: str,
    tf: str,
    frames: tuple[str, str],
    interval: float,
    mount: str = '',
) -> Report:
    """Tracking, pairs and TF.

    cause     why there is no output, if there is none: the last status is an old one then
    problem   why there is no odometry, '' where there is
    tf        'broadcast', 'off' ...
    frames    (base frame, camera frame)
    interval  seconds between the frames of a pair, as trained
    mount     what in TF does not fit the images, '' where nothing
    """
    level, message = OK, now.status or 'no frame yet'
    if cause.expected:
        level, message = OK, cause.line
    elif problem:
        level, message = ERROR, problem
    elif cause.line:
        level, message = WARN, f'nothing new: {cause.line}'
    elif now.status in LEVELS:
        level, message = LEVELS[now.status], f'{now.status}: {now.reason}'
    if mount and not problem:
        level, message = max(level, WARN), f'{message}; {mount}'
    held = ', '.join(f'{reason}: {count}' for reason, count in now.held.items())
    values = (
        ('status', '' if cause.line else now.status),
        ('pair interval [s]', f'{now.interval:.3f}'),
        ('pair interval of training [s]', f'{interval:.3f}'),
        ('held', held or 'never'),
        ('TF', 'withheld' if problem else tf),
        ('base frame', frames[0]),
        ('camera frame', frames[1]),
    )
    return Report(level, message, values)


def scale_report(
    scales: Mapping[str, Scale],
    speed: str,
    heard: int,
    heights: Mapping[str, tuple[float | None, str]],
    refused: tuple[int, str] = (0, ''),
    no_speed: str = '',
) -> Report:
    """Where metres come from, of each camera by name.

    speed, heard  topic of the speed and how many came; '' where it is not a source
    heights       see `LiveCamera.height`; those that are a source
    refused       speeds that cannot be: how many, and what the last one was
    no_speed      why none comes
    """
    level, lines, values = OK, [], []
    for name, scale in scales.items():
        of = f'{name}: ' if name else ''
        level = level if scale.state in ('fixed', 'good') else WARN
        lines.append(f'{of}{_scale_words(scale)}')
        values += [
            (f'{of}state', scale.state),
            (f'{of}metres per unit', f'{scale.value:g}'),
            (f'{of}spread [%]', f'{100 * scale.spread / scale.value:.1f}'),
        ]
        if scale.state not in ('fixed', 'none'):
            values.append((f'{of}measured from', ', '.join(scale.sources) or 'nothing lately'))
        if scale.delay is not None:
            values.append((f'{of}delay of the speed [s]', f'{scale.delay:.2f}'))
    for name, (metres, text) in heights.items():
        of = f'{name}: ' if name else ''
        if metres is None:
            level = WARN
            lines.append(f'{of}{text}')
        else:
            values.append((f'{of}camera height', f'{metres:.2f} m, {text}'))
    if speed:
        values.append(('speed', f'{speed}, {heard} so far'))
        if refused[0]:
            level = WARN
            lines.append(f'left out on {speed}: {refused[1]}')
            values.append(('speeds left out', str(refused[0])))
    if no_speed:
        level = WARN
        lines.append(no_speed)
    return Report(level, '; '.join(lines) or 'no frame yet', tuple(values))


def _scale_words(scale: Scale) -> str:
    if scale.state == 'none':
        return 'without a scale: lengths are not in metres'
    return f'{scale.state}, {scale.value:.3g} m per unit'


def topics_report(
    incompatible: Sequence[Incompatible], dropped: Mapping[str, Loss] | None = None
) -> Report:
    """Peers whose QoS does not fit, and what could not be used, by topic or service."""
    losses = dropped or {}
    lines = [str(one) for one in incompatible]
    lines += [
        f'{name}: messages that cannot be used are dropped ({loss.reason})'
        for name, loss in losses.items()
        if loss.is_recent
    ]
    values = [(one.topic, f'{one.policy}, {one.peers} so far') for one in incompatible]
    values += [(f'{name} dropped', str(loss.count)) for name, loss in losses.items()]
    if not lines:
        return Report(OK, 'every peer has a compatible QoS', tuple(values))
    return Report(WARN, '; '.join(lines), tuple(values))


def model_report(enabled: bool, estimator: Estimator | None, problem: str) -> Report:
    """Model, device and memory."""
    memory = [('memory of the process [MB]', f'{resident_megabytes():.0f}')]
    if estimator is None:
        if problem:
            return Report(ERROR, problem, tuple(memory))
        if not enabled:
            return Report(OK, 'disabled: the model and its memory are free', tuple(memory))
        return Report(WARN, 'loading', tuple(memory))
    card, device = estimator.card, estimator.device
    values = [
        ('model', card.name),
        ('licence', card.licence),
        ('device', device_name(estimator)),
        ('precision', estimator.precision),
        ('threads', str(estimator.threads)),
        ('input size', f'{card.input_size[1]}x{card.input_size[0]}'),
        ('warm-up [s]', f'{estimator.warm_up_seconds:.2f}'),
        *memory,
    ]
    if device.type == 'cuda':
        import torch

        for what in ('allocated', 'reserved'):
            amount = getattr(torch.cuda, f'memory_{what}')(device)
            values.append((f'device memory {what} [MB]', f'{amount / 1e6:.0f}'))
    if problem:
        return Report(ERROR, problem, tuple(values))
    if estimator.warnings:
        return Report(WARN, '; '.join(estimator.warnings), tuple(values))
    return Report(OK, f'{card.name} on {device_name(estimator)}', tuple(values))


def device_name(estimator: Estimator) -> str:
    """Name of the device for a person: 'cpu', or that of the GPU."""
    if estimator.device.type != 'cuda':
        return str(estimator.device)
    import torch

    return torch.cuda.get_device_name(estimator.device)


def resident_megabytes() -> float:
    """Memory that this process holds, as Linux tells; 0 where it does not."""
    try:
        for line in Path('/proc/self/status').read_text(encoding='ascii').splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) / 1e3
    except OSError:
        pass
    return 0.0


def _seconds(value: float | None) -> str:
    return 'never' if value is None else f'{value:.1f}'


def _milliseconds(spread: Spread) -> str:
    return f'median {1e3 * spread.median:.1f}, p99 {1e3 * spread.p99:.1f}'
