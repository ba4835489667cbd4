# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bag through the live node, what comes out into another bag, and how good that is.

    ros2 launch mdepth_ros evaluate.launch.py image:=/camera/image_raw bag:=DRIVE output:=OUT

The report is in OUT/report; true depth, lidar and odometry are looked for in the bag that was
played. All other arguments are those of mdepth.launch.py, such as model and bag_rate.
"""

import json
import signal
from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.events.process import SignalProcess
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.substitutions import ExecutableInPackage

MDEPTH = ExecutableInPackage(executable='mdepth', package='mdepth_ros')
MDEPTH_LAUNCH = str(Path(__file__).with_name('mdepth.launch.py'))
# Whatever the bag holds, its odometry and TF do not meet those of the node.
APART = {'namespace': 'live', 'publish_tf': 'false'}
RECORDED = ('depth/image_rect', 'depth/camera_info', 'odom', 'mdepth/model')
LAST_FRAMES = 3.0  # seconds that the node and the recorder get after the end of the bag
RUN = 'run.json'


def generate_launch_description():
    """Start node, recorder and bag; the end of one process starts the next."""
    return LaunchDescription(
        [
            DeclareLaunchArgument('image', description='Topic of the camera images in the bag'),
            DeclareLaunchArgument('bag', description='Bag that is played'),
            DeclareLaunchArgument(
                'output',
                default_value='evaluation',
                description='New directory for the outputs of the node and the report',
            ),
            OpaqueFunction(function=record),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(MDEPTH_LAUNCH), launch_arguments=APART.items()
            ),
        ]
    )


def record(context):
    """Return the recorder, and what follows the end of each process."""
    output = Path(LaunchConfiguration('output').perform(context))
    # A node that refused its settings left nothing but what is written below.
    begun = output.is_dir() and all(each.name == RUN for each in output.iterdir())
    if output.exists() and not begun:
        raise RuntimeError(f'output:={output} exists: name another directory')
    output.mkdir(parents=True, exist_ok=True)
    # All that `mdepth evaluate` must know of a run: what it read.
    bag = Path(LaunchConfiguration('bag').perform(context)).resolve()
    (output / RUN).write_text(json.dumps({'source': str(bag)}), 'utf-8')

    topics = [f'/{APART["namespace"]}/{name}' for name in RECORDED]
    recorder = ExecuteProcess(
        name='recorder',
        cmd=[MDEPTH, 'record', '-o', str(output / 'bag'), '--topics', ','.join(topics)],
        output='screen',
    )
    evaluation = ExecuteProcess(
        name='evaluation', cmd=[MDEPTH, 'evaluate', str(output)], output='screen'
    )
    stop = SignalProcess(signal_number=signal.SIGINT, process_matcher=matches_action(recorder))
    following = {
        'bag': [TimerAction(period=LAST_FRAMES, actions=[EmitEvent(event=stop)])],
        'recorder': [evaluation],
        'evaluation': [Shutdown(reason=f'{output} is complete')],
    }

    def proceed(event, context):
        return following.get(event.process_name.rpartition('-')[0])

    return [RegisterEventHandler(OnProcessExit(on_exit=proceed)), recorder]
