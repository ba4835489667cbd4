# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the distribution is, for pip and for colcon.

It stands here and not in pyproject.toml, because the setuptools of ROS 2 Humble (59) does not read
that one, and `colcon build --symlink-install` does not take it along.
"""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.develop import develop

NAME = 'mdepth_ros'
SHARE = f'share/{NAME}'


def files(pattern):
    """Paths below this folder, which setuptools wants to be relative."""
    return sorted(str(path) for path in Path().glob(pattern))


class Develop(develop):
    """Executables of `colcon build --symlink-install` that run with the Python of the shell.

    For a plain `colcon build` setup.cfg says so; in this mode setuptools does not look there.
    """

    def write_script(self, script_name, contents, mode='t', *ignored):
        """Write an executable, with another first line."""
        body = contents.partition('\n')[2]
        super().write_script(script_name, f'#!/usr/bin/env python3\n{body}', mode, *ignored)


setup(
    name=NAME,
    version='0.1.0',
    description='Metric depth, odometry and point clouds from the frames of one camera, for ROS 2',
    license='Apache-2.0',
    packages=find_packages(include=[f'{NAME}*']),
    package_data={NAME: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (SHARE, ['package.xml']),
        (f'{SHARE}/launch', files('launch/*.launch.py')),
        (f'{SHARE}/config', files('config/*.yaml')),
        (f'{SHARE}/rviz', files('rviz/*.rviz')),
        (f'{SHARE}/models', files('models/*.safetensors')),
    ],
    zip_safe=False,
    cmdclass={'develop': Develop},
    python_requires='>=3.10',
    # On a vehicle most of these come from apt (package.xml), the others from requirements-ros.txt.
    install_requires=[
        'torch>=2.4',
        'numpy>=1.21,<3',
        'opencv-python-headless>=4.5,<6',
        'rosbags>=0.11.6,<0.12',  # older ones believe every length in a message
        # rosbags brings these three too; damaged bags and camera files are read with them.
        'lz4>=4',
        'ruamel.yaml>=0.18',
        "backports.zstd>=1; python_version < '3.14'",
        'safetensors>=0.4',
        'msgspec>=0.20,<1',
        'matplotlib>=3.5',
        'rich>=12',
        'typer>=0.12',
    ],
    extras_require={
        # Where there is no ROS 2 (folder standalone/).
        'standalone': ['ros2-standalone'],
        'test': [
            'pytest>=7',
            'pytest-xdist>=3',
            'evo>=1.30',
            'ruff>=0.6',
            'mypy>=1.10',
            'import-linter>=2.15',
        ],
    },
    entry_points={
        'console_scripts': [
            f'mdepth = {NAME}.cli.main:main',
            f'mdepth_node = {NAME}.ros.executables:mdepth_node',
            f'point_cloud_node = {NAME}.ros.executables:point_cloud_node',
            # The old name of mdepth_node, until the next version.
            f'depth_odometry_node = {NAME}.ros.executables:depth_odometry_node',
        ],
    },
)
