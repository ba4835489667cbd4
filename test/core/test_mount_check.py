# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What drives show of the mount of a camera, against what TF says of it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mdepth_ros.cli import synth
from mdepth_ros.cli.main import app
from mdepth_ros.core import mount_check
from mdepth_ros.core.mount_check import LOOKS, Look, MountCheck, verdict
from mdepth_ros.core.perception import build_perception
from mdepth_ros.core.types import Frame
from mdepth_ros.geometry import Camera
from mdepth_ros.model.shipped import shipped_model
from mdepth_ros.synthetic import Drive, WorldConfig, make_drive

FORWARD = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # REP-103, of a camera along x
UPRIGHT, TURNED, NEITHER = (0.2, 0.2), (-0.2, -0.2), (0.1, -0.2)


def about(axis: str, degrees: float) -> np.ndarray:
    a, b = {'x': (1, 2), 'y': (2, 0), 'z': (0, 1)}[axis]
    R = np.eye(3)
    R[a, a] = R[b, b] = math.cos(math.radians(degrees))
    R[b, a] = math.sin(math.radians(degrees))
    R[a, b] = -R[b, a]
    return R


def looks(
    real: np.ndarray,
    upright: tuple[float, float] = UPRIGHT,
    road: bool = True,
    way: tuple[float, float, float] = (1, 0, 0),
) -> list[Look]:
    """Looks of a camera that really sits so on a vehicle that goes this way on a flat road."""
    ground = real.T @ [0.0, 0, -1] if road else None
    return [Look(real.T @ np.array(way), ground, upright)] * LOOKS


BODY = np.eye(3)
"""The transform of a body frame (x forward, z up) where the images are of an optical one."""

WRONG: dict[str, tuple[np.ndarray, list[Look], str]] = {
    'a body frame': (BODY, looks(FORWARD), 'looks up from base, but .* it would climb; .*REP-103'),
    'a body frame in reverse': (BODY, looks(FORWARD, way=(-1, 0, 0)), 'it would sink'),
    'a body frame, no road seen': (BODY, looks(FORWARD, road=False), 'looks up .* would climb'),
    'a body frame, not sure which way up': (BODY, looks(FORWARD, NEITHER), 'looks up'),
    'x forward, z down': (about('x', 180), looks(FORWARD), 'looks down from base, .* would sink'),
    'rolled in TF': (FORWARD @ about('z', 90), looks(FORWARD), 'lies on its side .*REP-103'),
    'hangs in TF alone': (
        FORWARD @ about('z', 180),
        looks(FORWARD),
        'hangs upside down from base',
    ),
    'hangs, TF says not': (FORWARD, looks(FORWARD, TURNED), 'look upside down.* turn cam in TF'),
    'hangs, as TF says': (FORWARD @ about('z', 180), looks(FORWARD, TURNED), '180 degrees$'),
}


@pytest.mark.parametrize('case', WRONG)
def test_what_does_not_fit_is_one_line(case: str) -> None:
    R, seen, words = WRONG[case]
    line, sure = verdict(R, seen, 'base', 'cam')
    assert sure and '\n' not in line and 'cam' in line
    assert re.search(words, line), line


def right_mounts() -> dict[str, np.ndarray]:
    turns = {f'yaw {angle}': about('z', angle) @ FORWARD for angle in (-90, -45, 45, 90, 180)}
    tilts = {f'pitch {angle}': about('y', angle) @ FORWARD for angle in (-30, 20, 40)}
    rolls = {f'roll {angle}': about('x', angle) @ FORWARD for angle in (-20, 40)}
    return {'forward': FORWARD, **turns, **tilts, **rolls}


@pytest.mark.parametrize('mount', right_mounts())
@pytest.mark.parametrize('upright', [UPRIGHT, NEITHER])
@pytest.mark.parametrize('road', [True, False])
@pytest.mark.parametrize('way', [(1, 0, 0), (-1, 0, 0), (0.9, 0, 0.44)])
def test_a_right_mount_is_none_of_its_business(
    mount: str, upright: tuple[float, float], road: bool, way: tuple[float, float, float]
) -> None:
    """Whichever way the camera looks and the vehicle goes; the last is a drone that climbs."""
    R = right_mounts()[mount]
    assert verdict(R, looks(R, upright, road, way), 'base', 'cam')[0] == ''
    # Networks of the road take any direction for that of the view.
    along = [replace(look, travel=np.array([0.0, 0.0, 1.0])) for look in looks(R, upright, road)]
    assert verdict(R, along, 'base', 'cam')[0] == ''


@pytest.mark.parametrize('R', [BODY, FORWARD, FORWARD @ about('z', 180)])
def test_a_few_looks_at_a_road_are_not_enough(R: np.ndarray) -> None:
    """Networks that see a road now and then in images that are neither way up."""
    some = looks(FORWARD, NEITHER)[: LOOKS // 3]
    some += looks(FORWARD, NEITHER, road=False)[LOOKS // 3 :]
    some = [replace(look, travel=np.array([0.0, 1.0, 0.0])) for look in some]
    assert verdict(R, some, 'base', 'cam') == ('', False)


@pytest.fixture(scope='module')
def drive() -> Drive:
    focal = 320 / (2 * math.tan(math.radians(81.5) / 2))
    camera = Camera(320, 96, focal, focal, 159.5, 47.5)
    return make_drive(5, 6, camera, WorldConfig())


@pytest.fixture(scope='module')
def frames(drive: Drive) -> list[Frame]:
    images = drive.render(range(6)).image.numpy()
    return [Frame(s, i, drive.camera) for s, i in zip(drive.stamps, images, strict=True)]


def watched(frames: list[Frame], R: np.ndarray) -> list[str]:
    T = np.eye(4)
    T[:3, :3] = R
    check = MountCheck(T, 'base_link', 'camera')
    perception = build_perception(shipped_model(), device='cpu', precision='fp32', mount=check)
    for frame in frames:
        perception.step([frame])
    return perception.warnings


def test_the_networks_tell_a_hanging_camera_and_a_body_frame(
    frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the model that is shipped, on images of the synthetic world."""
    monkeypatch.setattr(mount_check, 'LOOKS', 4)
    hanging = [
        replace(frame, image=np.ascontiguousarray(frame.image[::-1, ::-1])) for frame in frames
    ]
    assert watched(frames, FORWARD) == []
    assert watched(frames[:1] * 6, BODY) == []  # stands: no verdict
    assert [line[:32] for line in watched(frames, BODY)] == ['TF says that camera looks up fro']
    assert 'look upside down' in watched(hanging, FORWARD)[0]


def test_a_run_and_its_report_say_it(
    drive: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mount_check, 'LOOKS', 4)
    monkeypatch.setattr(synth, '_camera_in_base', lambda _: np.eye(4))
    synth.write_drive(drive, tmp_path / 'bag', range(6))
    arguments = ['run', str(tmp_path / 'bag'), '-o', str(tmp_path / 'out'), '--topics', 'odom']
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    (line,) = json.loads((tmp_path / 'out' / 'run.json').read_text())['warnings']
    assert line.startswith('TF says that camera_optical_frame looks up from base_link')
    assert 'looks up from base_link' in ' '.join(result.output.split())
    result = CliRunner().invoke(app, ['evaluate', str(tmp_path / 'out')])
    assert result.exit_code == 0, result.output
    assert line in (tmp_path / 'out' / 'report' / 'report.md').read_text()
