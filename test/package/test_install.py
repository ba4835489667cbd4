# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The package after it was installed, by pip and by colcon (convention 22)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = 'from mdepth_ros.model.shipped import shipped_model; print(shipped_model())'
INSTALLED = (
    'share/ament_index/resource_index/packages/mdepth_ros',
    'share/mdepth_ros/package.xml',
    'share/mdepth_ros/config/mdepth.yaml',
    'share/mdepth_ros/config/play_qos.yaml',
    'share/mdepth_ros/launch/mdepth.launch.py',
    'share/mdepth_ros/launch/multi_camera.launch.py',
    'share/mdepth_ros/launch/evaluate.launch.py',
    'share/mdepth_ros/models/road-nano.safetensors',
    'share/mdepth_ros/models/road-resnet18.safetensors',
    'share/mdepth_ros/models/synthetic-nano.safetensors',
    'share/mdepth_ros/rviz/mdepth.rviz',
)
PARTS = ('mdepth_ros', 'launch', 'config', 'rviz', 'models', 'resource')
FILES = ('setup.py', 'setup.cfg', 'pyproject.toml', 'package.xml', 'LICENSE', 'README.md')


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what an installation needs: building must not touch the folder itself."""
    folder = tmp_path / 'src/mdepth_ros'
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns('__pycache__'))
    for file in FILES:
        shutil.copy(ROOT / file, folder / file)
    return folder


def run(*command: str | Path, cwd: Path, **extra: str) -> str:
    environment = {**os.environ, 'PYTHONPATH': '', **extra}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.strip()


def test_pip_installs_the_shipped_model_where_it_is_found(clone: Path, tmp_path: Path) -> None:
    target = tmp_path / 'target'
    options = ['--no-deps', '--no-build-isolation', '--no-index', '--disable-pip-version-check']
    run(sys.executable, '-m', 'pip', 'install', *options, '--target', target, clone, cwd=tmp_path)
    for name in INSTALLED:
        assert (target / name).is_file(), name
    found = run(sys.executable, '-c', SHIPPED, cwd=tmp_path, PYTHONPATH=str(target))
    assert Path(found) == target / 'share/mdepth_ros/models/road-nano.safetensors'


@pytest.mark.skipif(shutil.which('colcon') is None, reason='colcon is not installed')
@pytest.mark.parametrize('options', [[], ['--symlink-install']], ids=['copied', 'symlinks'])
def test_colcon_builds_executables_that_run_with_the_python_of_the_shell(
    clone: Path, tmp_path: Path, options: list[str]
) -> None:
    run('colcon', 'build', *options, cwd=tmp_path)
    prefix = tmp_path / 'install/mdepth_ros'
    for name in INSTALLED:
        assert (prefix / name).is_file(), name
    for name in ('mdepth', 'mdepth_node', 'point_cloud_node'):
        executable = prefix / 'lib/mdepth_ros' / name
        assert os.access(executable, os.X_OK)
        assert executable.read_text('utf-8').splitlines()[0] == '#!/usr/bin/env python3'
    # This Python has torch; the one that ran colcon need not have it.
    shell = f'. {tmp_path}/install/setup.bash && cd / && '
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    run(
        'bash',
        '-c',
        f'{shell} {prefix}/lib/mdepth_ros/mdepth info --help',
        cwd=tmp_path,
        PATH=path,
    )
    found = run('bash', '-c', f'{shell} python3 -c "{SHIPPED}"', cwd=tmp_path, PATH=path)
    assert tmp_path in Path(found).parents
