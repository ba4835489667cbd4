# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of the nodes: one description, from which everything else is made.

The declaration with its ranges and the answers to `ros2 param set` (settings.py), the table of the
README, the config file and `--help` all come from `DEPTH_ODOMETRY` and `POINT_CLOUD`:

    python -m mdepth_ros.ros.parameters markdown | yaml | help
"""

from __future__ import annotations

import sys

from mdepth_ros.limits import SCALE
from mdepth_ros.ros.parameter import Parameter, Values, help_text, markdown_table, yaml_file


def _frame(name: str, default: str, text: str) -> Parameter:
    words = "a frame, without '/' at its beginning"
    return Parameter(name, default, text, pattern=r'[^/\s]\S*', constraints=words)


def _distance(name: str, default: float, text: str, low: float = 0.0) -> Parameter:
    return Parameter(name, default, text, low=low, high=1000.0, dynamic=True)


_CLOUD = (
    Parameter(
        'cloud_stride',
        1,
        'The cloud has a point for every so many rows and columns of the depth.',
        low=1,
        high=64,
        dynamic=True,
    ),
    _distance(
        'cloud_min_range',
        0.0,
        'Nearer points of the cloud are NaN, metres along the optical axis.',
    ),
    _distance(
        'cloud_max_range',
        1000.0,
        'Farther points of the cloud are NaN, metres along the optical axis.',
    ),
    Parameter(
        'cloud_max_step',
        0.4,
        'Points where neighbouring depths differ by more than this share are NaN: they hang '
        'between a thing and what is behind it; 0: none.',
        low=0.0,
        high=100.0,
        dynamic=True,
    ),
)
_TRANSPORT = Parameter(
    'image_transport',
    'auto',
    'Whether to listen to images or to compressed images; auto: to what is published.',
    choices=('auto', 'raw', 'compressed'),
)
_IMAGES_ARE = Parameter(
    'images_are',
    'auto',
    'Whether the images are rectified already, so that only P of their camera_info holds; auto: '
    'the name of their topic tells (image_rect, image_undistorted; others are unrectified).',
    choices=('auto', 'rectified', 'unrectified'),
)

DEPTH_ODOMETRY: tuple[Parameter, ...] = (
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
        'Where the networks run; auto: CUDA where it works, else the CPU.',
        pattern=r'auto|cpu|cuda(:\d+)?',
        constraints='auto, cpu, cuda, cuda:N',
    ),
    Parameter(
        'precision',
        'auto',
        'Number format of the networks; auto: what is fast on the device.',
        choices=('auto', 'fp32', 'bf16', 'fp16'),
    ),
    Parameter(
        'threads',
        0,
        'Threads of the networks on the CPU; 0: as many as there are usable cores, at most 8.',
        low=0,
        high=256,
    ),
    _TRANSPORT,
    _IMAGES_ARE,
    _frame('odom_frame', 'odom', 'Frame in which the odometry is given.'),
    _frame(
        'base_frame',
        'base_link',
        'Frame whose odometry is given; TF must connect it with the frame of the camera.',
    ),
    Parameter(
        'publish_tf',
        True,
        'Broadcast the transform odom_frame -> base_frame; of several cameras, the first.',
        dynamic=True,
    ),
    Parameter(
        'scale',
        'model',
        "Metres per unit of the networks: a number; model: the model card's; none: 1, and "
        'lengths are no metres; height, speed, height+speed: measured while driving.',
        pattern=r'model|none|height|speed|height\+speed|'
        r'\+?(?=[\d.]*[1-9])(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?',
        constraints='model, none, height, speed, height+speed, or a number above 0',
        dynamic=True,
    ),
    Parameter(
        'camera_height',
        0.0,
        'Metres from the road to the camera, for the scale height; 0: TF knows, see ground_frame.',
        low=0.0,
        high=10.0,
        dynamic=True,
    ),
    _frame(
        'ground_frame',
        'base_footprint',
        'Frame on the road above which TF gives the height of the camera (its z), for the scale '
        'height, where camera_height is 0.',
    ),
    Parameter(
        'frame_interval',
        0.0,
        'Seconds between the two frames that the networks compare; 0: as in training.',
        low=0.0,
        high=10.0,
    ),
    Parameter(
        'pair_tolerance',
        0.0,
        'Seconds that the time between two frames may be off; 0: 1.25 frame intervals.',
        low=0.0,
        high=10.0,
    ),
    Parameter(
        'refine_motion',
        True,
        "Refine the networks' motion until the two images fit: less drift, a few ms.",
    ),
    Parameter(
        'use_cues',
        True,
        'Give the depth the cues of the frame pair; false: one image must do.',
    ),
    Parameter(
        'keyframes',
        False,
        'Compare frames further apart, up to four intervals, while the vehicle is slow.',
    ),
    _distance('max_range', 80.0, 'Depth beyond it is +Inf, metres.', low=0.1),
    Parameter(
        'min_confidence',
        0.0,
        'Depth whose confidence is below it is NaN; 0: none.',
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
        'Frames from one publication of path to the next.',
        low=1,
        high=10000,
        dynamic=True,
    ),
    Parameter(
        'no_data_timeout',
        2.0,
        'Seconds without depth after which log and diagnostics say why there is none.',
        low=0.1,
        high=3600.0,
        dynamic=True,
    ),
    Parameter(
        'cameras',
        ('',),
        "Namespaces of the cameras, below the node's own: front listens to front/image and "
        "publishes front/depth/image_rect. One empty text: one camera in the node's namespace.",
        pattern=r'|[A-Za-z]\w*(/[A-Za-z]\w*)*',
        constraints="relative namespaces, such as ['front', 'rear']",
    ),
    Parameter(
        'enabled',
        True,
        'Whether the node works from its start on; the service ~/enable switches it later.',
    ),
)

POINT_CLOUD: tuple[Parameter, ...] = (
    *_CLOUD,
    _TRANSPORT,
    _IMAGES_ARE,
    Parameter(
        'stamp_tolerance',
        0.0,
        'Seconds that the stamps of depth and colour may differ; 0: they must be equal.',
        low=0.0,
        high=1.0,
        dynamic=True,
    ),
)
IMAGES_ARE = {'auto': None, 'rectified': True, 'unrectified': False}
"""The choices of images_are, as `as_arrives` takes them."""
NODES = {'depth_odometry_node': DEPTH_ODOMETRY, 'point_cloud_node': POINT_CLOUD}


def cloud_rule(values: Values) -> str:
    """Why the cloud would have no points; '' where it can have some."""
    low, high = values['cloud_min_range'], values['cloud_max_range']
    if low < high:
        return ''
    return f'cloud_min_range {low:g} is not below cloud_max_range {high:g}: no point is between'


def height_rule(values: Values) -> str:
    """Why no camera is so high; '' where one may be."""
    if 0 < values['camera_height'] < 0.1:
        return f'camera_height is {values["camera_height"]:g}: use 0.1 to 10 m, or 0: by TF'
    return ''


def scale_rule(values: Values) -> str:
    """Why no scale is such; '' where one may be. The pattern allows any number."""
    low, high = SCALE
    text = values['scale']
    if (not text[-1:].isdigit() and not text.endswith('.')) or low <= float(text) <= high:
        return ''
    return f'scale is {text}: use {low:g} to {high:g} metres per unit'


RULES = {'scale': scale_rule, 'cloud_min_range': cloud_rule, 'camera_height': height_rule}
"""Rules between parameters, of every node that has the one named."""


def broken_rule(values: Values) -> str:
    """Why the values do not go together; '' where they do."""
    reasons = (rule(values) for name, rule in RULES.items() if name in values)
    return next(filter(None, reasons), '')


def main() -> None:
    """Print the form that is asked for; the YAML is that of depth_odometry_node."""
    forms = {'markdown': markdown_table, 'yaml': yaml_file, 'help': help_text}
    wanted = sys.argv[1] if len(sys.argv) == 2 else ''
    if wanted not in forms:
        sys.exit(f'usage: python -m mdepth_ros.ros.parameters {"|".join(forms)}')
    if wanted == 'yaml':
        print(yaml_file(DEPTH_ODOMETRY), end='')
        return
    parts = [f'{name}\n\n{forms[wanted](described)}' for name, described in NODES.items()]
    print('\n'.join(parts), end='')


if __name__ == '__main__':
    main()
