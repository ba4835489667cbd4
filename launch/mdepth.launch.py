# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The live node and, where asked for, RViz and a bag.

ros2 launch mdepth_ros mdepth.launch.py image:=/camera/image_raw rviz:=true
ros2 launch mdepth_ros mdepth.launch.py image:=/camera/image_raw bag:=DRIVE
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution, TextSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

SHARE = FindPackageShare('mdepth_ros')
NODE = 'mdepth'
# A name in ROS: words of letters, digits and _ that begin with no digit, with / between.
NAME = re.compile(r'(~?/)?[A-Za-z_]\w*(/[A-Za-z_]\w*)*', re.ASCII)
YES_NO = ['true', 'false']
# Not every bag says that its /tf_static is latched, and volatile nobody hears it.
PLAY_QOS = ('config', 'play_qos.yaml')
# These arguments are parameters of the node; empty, they leave it to params_file.
PARAMETERS = {
    'model': str,
    'device': str,
    'base_frame': str,
    'publish_tf': bool,
    'image_transport': str,
    'scale': str,
    'camera_height': str,
    'mask': str,
}
ARGUMENTS = [
    DeclareLaunchArgument(
        'image',
        default_value='image',
        description='Topic of the camera images; of compressed ones the name without /compressed',
    ),
    DeclareLaunchArgument(
        'camera_info',
        default_value='',
        description='Topic of the calibration; empty: camera_info beside the image topic',
    ),
    DeclareLaunchArgument(
        'cameras',
        default_value='',
        description='Namespaces of several cameras, with commas between, such as front,rear; '
        'image is then a name below each of them',
    ),
    DeclareLaunchArgument(
        'namespace',
        default_value='',
        description='Namespace of the node and of its topics',
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=PathJoinSubstitution([SHARE, 'config', 'mdepth.yaml']),
        description='YAML file with the parameters of the node',
    ),
    DeclareLaunchArgument(
        'model',
        default_value='',
        description='Model file (.safetensors), or shipped; empty: as in params_file',
    ),
    DeclareLaunchArgument(
        'device',
        default_value='',
        description='auto, cpu, cuda or cuda:N; empty: as in params_file',
    ),
    DeclareLaunchArgument(
        'base_frame',
        default_value='',
        description='Frame whose odometry is published; empty: as in params_file',
    ),
    DeclareLaunchArgument(
        'publish_tf',
        default_value='',
        choices=['', *YES_NO],
        description='Broadcast odom -> base_frame; empty: as in params_file',
    ),
    DeclareLaunchArgument(
        'image_transport',
        default_value='',
        choices=['', 'auto', 'raw', 'compressed'],
        description='Kind of the images; empty: as in params_file',
    ),
    DeclareLaunchArgument(
        'scale',
        default_value='',
        description='model, none, height, speed, height+speed or a number; empty: as in '
        'params_file',
    ),
    DeclareLaunchArgument(
        'camera_height',
        default_value='',
        description='Metres from the road to the camera, or auto: from TF; empty: as in '
        'params_file',
    ),
    DeclareLaunchArgument(
        'mask',
        default_value='',
        description='PNG of what is never used of the images (black); of several cameras with '
        'commas between; empty: as in params_file',
    ),
    DeclareLaunchArgument(
        'speed',
        default_value='',
        description='Topic of the speed (Odometry or TwistStamped); empty: speed',
    ),
    DeclareLaunchArgument(
        'rviz',
        default_value='false',
        choices=YES_NO,
        description='Start RViz with image, depth, cloud, path and TF',
    ),
    DeclareLaunchArgument(
        'bag',
        default_value='',
        description='Bag to play once the model is loaded; its clock is the time of all nodes',
    ),
    DeclareLaunchArgument(
        'bag_rate',
        default_value='1.0',
        description='Speed at which the bag is played, as a factor',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='false',
        choices=YES_NO,
        description='Take the time from /clock; with a bag always true',
    ),
    DeclareLaunchArgument(
        'respawn',
        default_value='false',
        choices=YES_NO,
        description='Start the node again when it dies',
    ),
    DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='What the node logs, and not what the middleware does',
    ),
]


def generate_launch_description():
    """Arguments first; what is started depends on their values."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context):
    """Return the processes for these arguments."""
    given = {one.name: LaunchConfiguration(one.name).perform(context) for one in ARGUMENTS}
    params_file, bag = existing(given, 'params_file'), existing(given, 'bag')
    sim_time = {'use_sim_time': bool(bag) or given['use_sim_time'] == 'true'}
    cameras = [name.strip('/ ') for name in given['cameras'].split(',') if name.strip('/ ')]
    check_names(given, cameras)
    check_numbers(given)
    respawn = given['respawn'] == 'true'
    node = Node(
        package='mdepth_ros',
        executable='mdepth_node',
        name=NODE,
        namespace=given['namespace'],
        parameters=[params_file, {**overrides(given, cameras), **sim_time}],
        remappings=remappings(given, cameras),
        ros_arguments=['--log-level', f'{logger(context, given)}:={given["log_level"]}'],
        # Idle OpenMP threads that spin would take the time of every other node.
        additional_env={'OMP_WAIT_POLICY': 'PASSIVE'},
        output='screen',
        respawn=respawn,
        respawn_delay=2.0,
        on_exit=[Shutdown(reason='the node has ended')] if bag and not respawn else None,
    )
    actions = [node]
    if given['rviz'] == 'true':
        actions.append(rviz(given, cameras, sim_time))
    if bag:
        actions += play(bag, given['bag_rate'], given['namespace'])
    return actions


def existing(given, name):
    """Return the path that an argument gives; launch_ros would only warn of a missing file."""
    path = given[name]
    if path and not Path(path).exists():
        raise RuntimeError(f'{name}:={path}: there is no such file')
    return path


def check_names(given, cameras):
    """Raise for what is no name: rcl would say so in words that name no argument."""
    topics = {name: given[name] for name in ('image', 'camera_info', 'speed') if given[name]}
    words = [(f'{name}:={topic}', topic) for name, topic in topics.items()]
    words += [(f'cameras:={given["cameras"]}', camera) for camera in cameras]
    if given['namespace'].strip('/'):
        words.append((f'namespace:={given["namespace"]}', given['namespace'].rstrip('/')))
    for argument, name in words:
        if not NAME.fullmatch(name):
            raise RuntimeError(
                f'{argument}: {name} is no name in ROS: letters, digits and _, no digit first, '
                'with / between'
            )


def check_numbers(given):
    """Raise for what is no number: neither Python nor `ros2 bag play` would name the argument."""
    for name, low, words in (('camera_height', -math.inf, ['auto']), ('bag_rate', 0.0, [])):
        try:
            good = given[name] in ['', *words] or low < float(given[name]) < math.inf
        except ValueError:
            good = False
        if not good:
            choices = [*words, f'a number above {max(low, 0):g}']
            raise RuntimeError(f'{name}:={given[name]}: use {" or ".join(choices)}')


def logger(context, given):
    """Return the logger of the node: its namespace and name, with dots between."""
    around = context.launch_configurations.get('ros_namespace')  # of PushRosNamespace
    namespace = make_namespace_absolute(prefix_namespace(around, given['namespace']))
    return '.'.join([*filter(None, (namespace or '').split('/')), NODE])


def overrides(given, cameras):
    """Return the parameters that are not left to the file."""
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in PARAMETERS.items()
        if given[name]
    }
    if cameras:
        # Quoted by JSON, which is YAML too: a camera may be called "on".
        text = TextSubstitution(text=json.dumps(cameras))
        parameters['cameras'] = ParameterValue(text, value_type=list[str])
    return parameters


def remappings(given, cameras):
    """Return the rules from the names of the inputs to the topics that were asked for."""
    topics = {name: given[name] for name in ('image', 'camera_info') if given[name]}
    speed = [('speed', given['speed'])] if given['speed'] else []
    if not cameras:
        return [*topics.items(), *speed]
    rules = [
        (f'{camera}/{name}', f'{camera}/{topic}')
        for camera in cameras
        for name, topic in topics.items()
    ]
    return rules + speed


def rviz(given, cameras, sim_time):
    """Return RViz, whose view has relative names: it looks into one namespace."""
    return Node(
        package='rviz2',
        executable='rviz2',
        name='rviz',
        namespace='/'.join(filter(None, [given['namespace'], *cameras[:1]])),
        arguments=['-d', PathJoinSubstitution([SHARE, 'rviz', 'mdepth.rviz'])],
        remappings=[('image', given['image'])],
        parameters=[sim_time],
        output='log',
    )


def play(bag, rate, namespace):
    """Return what plays a bag as soon as the node is ready: it then publishes its model."""
    model = '/'.join(['', *filter(None, namespace.split('/')), NODE, 'model'])
    latched = ['--qos-durability', 'transient_local', '--qos-reliability', 'reliable']
    ready = ExecuteProcess(
        name='ready',
        cmd=['ros2', 'topic', 'echo', '--once', '--no-daemon', *latched]
        + [model, 'std_msgs/msg/String'],
        output='log',
    )
    player = ExecuteProcess(
        name='bag',
        # Two seconds, in which publishers and subscribers find each other: no frame is lost to it.
        cmd=['ros2', 'bag', 'play', '--clock', '200', '--rate', rate, '--delay', '2']
        + ['--qos-profile-overrides-path', PathJoinSubstitution([SHARE, *PLAY_QOS]), bag],
        output='screen',
    )

    def proceed(event, context):
        return [player] if event.returncode == 0 else None

    return [RegisterEventHandler(OnProcessExit(target_action=ready, on_exit=proceed)), ready]
