# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras in one process, with one model on the device.

    ros2 launch mdepth_ros multi_camera.launch.py cameras:=front,rear image:=image_raw

takes /front/image_raw and /rear/image_raw, and publishes /front/depth/image_rect and so on. All
other arguments are those of mdepth.launch.py.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

MDEPTH_LAUNCH = str(Path(__file__).with_name('mdepth.launch.py'))


def generate_launch_description():
    """Ask for the cameras; mdepth.launch.py does the rest."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'cameras',
                description='Namespaces of the cameras, with commas between, such as front,rear',
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(MDEPTH_LAUNCH)),
        ]
    )
