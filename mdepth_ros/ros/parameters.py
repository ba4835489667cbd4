# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the nodes: one description, from which everything else is made.

The declaration with its ranges and the answers to `ros2 param set` (settings.py), the table of
docs/vehicle.md, config/mdepth.yaml and `--help` all come from `MDEPTH` and `POINT_CLOUD`:

    python -m mdepth_ros.ros.parameters markdown | yaml | help
"""

from __future__ import annotations

import sys

from mdepth_ros.limits import CAMERA_HEIGHT, FRAME_INTERVAL, MAX_RANGE, SCALE, SCALE_WORDS
from mdepth_ros.ros.parameter import Parameter, Values, help_text, markdown_table, yaml_file


def _frame(name: str, default: str, text: str) -> Parameter:
    words = "a frame, without '/' at its beginning"
    return Parameter(name, default, text, pattern=r'[^/\s]\S*', constraints=words)


def _number_or_auto(
    name: str, text: str, low: float, high: float, *, whole: bool = False, dynamic: bool = False
) -> Parameter:
    """A number, or the word auto, for which the version before wrote 0."""
    return Parameter(
        name,
        'auto',
        text,
        low=low,
        high=high,
        whole=whole,
        choices=('auto',),
        dynamic=dynamic,
        old_values={'0': 'auto', '0.0': 'auto'},
    )


def _distance(name: str, default: float, text: str, low: float = 0.0) -> Parameter:
    return Parameter(name, default, text, low=low, high=1000.0, dynamic=True)


_CLOUD = (
    Parameter(
        'cloud_stride',
        1,
        'The cloud has a point for every n-th row and column of the depth image.',
        low=1,
        high=64,
        dynamic=True,
    ),
    _distance(
        'cloud_min_range',
        0.0,
        'Points of the cloud that are nearer become NaN, metres along the optical axis.',
    ),
    _distance(
        'cloud_max_range',
        1000.0,
        'Points of the cloud that are farther become NaN, metres along the optical axis.',
    ),
    Parameter(
        'cloud_max_step',
        0.4,
        'Points where neighbouring depths differ by more than this share become NaN: they lie '
        'between an object and what is behind it. 0 keeps all points.',
        low=0.0,
        high=100.0,
        dynamic=True,
    ),
)
_TRANSPORT = Parameter(
    'image_transport',
    'auto',
    'Kind of images to subscribe to; auto: the kind that is published.',
    choices=('auto', 'raw', 'compressed'),
)
_RECTIFICATION = Parameter(
    'rectification',
    'auto',
    'Whether the images are rectified already; then only P of their camera_info is used. auto: by '
    'the name of their topic (image_rect and image_undistorted are rectified, others are not).',
    choices=('auto', 'rectified', 'unrectified'),
    old_name='images_are',
)

MDEPTH: tuple[Parameter, ...] = (
    Parameter(
        'model',
        'shipped',
        'Model file (.safetensors), or shipped: the one that comes with the package.',
        pattern=r'.+',
        constraints='a path, or shipped',
    ),
    Parameter(
        'device',
        'auto',
        'Device of the networks; auto: CUDA if it works, else the CPU.',
        pattern=r'auto|cpu|cuda(:\d+)?',
        constraints='auto, cpu, cuda, cuda:N',
    ),
    Parameter(
        'precision',
        'auto',
        'Number format of the networks; auto: the fastest good one on the device.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
    ),
    _number_or_auto(
        'threads',
        'Threads of the networks on the CPU; auto: one for each usable core, at most 8.',
        1,
        256,
        whole=True,
    ),
    _TRANSPORT,
    _RECTIFICATION,
    Parameter(
        'mask',
        '',
        'PNG of the size of the camera images: what is black in it, such as the bonnet, is never '
        'used. With several cameras one for each, with commas between; empty: none.',
        pattern=r'.*',
        constraints='a path, or several with commas between',
    ),
    _frame('odom_frame', 'odom', 'Frame in which the odometry is given.'),
    _frame(
        'base_frame',
        'base_link',
        'Frame whose odometry is given; TF must connect it with the frame of the camera.',
    ),
    Parameter(
        'publish_tf',
        True,
        'Broadcast the transform odom_frame -> base_frame; with several cameras the first one '
        'does.',
        dynamic=True,
    ),
    Parameter(
        'scale',
        'model',
        'Metres per unit of the networks: a number; model: as in the model card; none: 1, lengths '
        'are not in metres; height, speed, height+speed: measured while driving.',
        low=SCALE[0],
        high=SCALE[1],
        choices=SCALE_WORDS,
        dynamic=True,
    ),
    _number_or_auto(
        'camera_height',
        'Metres from the road to the camera, for scale: height; auto: from TF, see ground_frame.',
        *CAMERA_HEIGHT,
        dynamic=True,
    ),
    _frame(
        'ground_frame',
        'base_footprint',
        'Frame on the road; the z of the camera in it is the height where camera_height is auto.',
    ),
    _number_or_auto(
        'frame_interval',
        'Seconds between the two frames that the networks compare; auto: as in training.',
        *FRAME_INTERVAL,
    ),
    _number_or_auto(
        'pair_tolerance',
        'Seconds by which the time between the two frames may differ from frame_interval; auto: '
        '1.25 frame intervals.',
        *FRAME_INTERVAL,
    ),
    Parameter(
        'refine_motion',
        True,
        "Correct the networks' motion by corners of the camera's images: less drift, a few ms.",
    ),
    Parameter(
        'use_cues',
        True,
        'Estimate depth from both frames of the pair (IDCE); false: from the newest one alone.',
    ),
    Parameter(
        'keyframes',
        False,
        'While the vehicle is slow, compare frames that are up to four intervals apart.',
    ),
    _distance('max_range', MAX_RANGE, 'Depth beyond this many metres is +Inf.', low=0.1),
    Parameter(
        'min_confidence',
        0.0,
        'Depth with a smaller confidence becomes NaN.',
        low=0.0,
        high=1.0,
        dynamic=True,
    ),
    Parameter(
        'depth_encoding',
        '32FC1',
        'Encoding of depth/image_rect: 32FC1 in metres, 16UC1 in millimetres.',
        choices=('32FC1', '16UC1'),
        dynamic=True,
    ),
    *_CLOUD,
    Parameter(
        'path_every',
        10,
        'path is published with every n-th frame.',
        low=1,
        high=10000,
        dynamic=True,
    ),
    Parameter(
        'no_data_timeout',
        2.0,
        'Seconds without depth after which log and diagnostics give the reason.',
        low=0.1,
        high=3600.0,
        dynamic=True,
    ),
    Parameter(
        'cameras',
        ('',),
        "Namespaces of the cameras, below the node's own: front subscribes to front/image and "
        "publishes front/depth/image_rect. An empty text: one camera in the node's namespace.",
        pattern=r'|[A-Za-z]\w*(/[A-Za-z]\w*)*',
        constraints="relative namespaces, such as ['front', 'rear']",
    ),
    Parameter(
        'enabled',
        True,
        'Whether the node starts enabled; the service ~/enable changes it later.',
    ),
)

POINT_CLOUD: tuple[Parameter, ...] = (
    *_CLOUD,
    _TRANSPORT,
    _RECTIFICATION,
    Parameter(
        'stamp_tolerance',
        0.0,
        'Seconds by which the stamps of depth and colour image may differ.',
        low=0.0,
        high=1.0,
        dynamic=True,
    ),
)
RECTIFIED = {'auto': None, 'rectified': True, 'unrectified': False}
"""The choices of rectification, as `as_arrives` takes them."""
NODES = {'mdepth_node': MDEPTH, 'point_cloud_node': POINT_CLOUD}


def broken_rule(values: Values) -> str:
    """Why the values do not go together; '' where they do."""
    low, high = values.get('cloud_min_range', 0.0), values.get('cloud_max_range', 1.0)
    if low < high:
        return ''
    return f'cloud_min_range {low:g} is not below cloud_max_range {high:g}: no point is between'


def main() -> None:
    """Print the form that is asked for; the YAML is that of mdepth_node."""
    forms = {'markdown': markdown_table, 'yaml': yaml_file, 'help': help_text}
    wanted = sys.argv[1] if len(sys.argv) == 2 else ''
    if wanted not in forms:
        sys.exit(f'usage: python -m mdepth_ros.ros.parameters {"|".join(forms)}')
    if wanted == 'yaml':
        print(yaml_file(MDEPTH), end='')
        return
    parts = [f'{name}\n\n{forms[wanted](described)}' for name, described in NODES.items()]
    print('\n'.join(parts), end='')


if __name__ == '__main__':
    main()
