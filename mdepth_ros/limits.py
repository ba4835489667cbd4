# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ranges of the numbers that are believed, each in one place; what is larger is refused early."""

from mdepth_ros.errors import MdepthError

NANO = 1_000_000_000
"""Nanoseconds in a second: stamps are whole nanoseconds."""
LARGEST_IMAGE = 100_000_000
"""Pixels of one image: twice the largest camera sensors of today's vehicles, and 300 MB as RGB."""
LARGEST_MESSAGE = 1_000_000_000
"""Bytes of one message of a recording, or of one chunk of messages, unpacked."""
LARGEST_RATIO = 1000
"""How many times its size a compressed file of a recording may be, where that is more."""
LATEST_STAMP = 2**31 * NANO - 1
"""ns: what builtin_interfaces/Time can say (int32 seconds), the year 2038."""
LARGEST_TEXT = 16_000_000
"""Bytes of a JSON file; the index of a large dataset has some."""
LARGEST_TABLE = 400_000_000
"""Bytes of a file of times or poses: an hour at 1000 Hz."""
LARGEST_YAML = 500_000
"""Bytes of a YAML file, and values in it: some 3000 parts of a bag, and seconds to read."""
LARGEST_DEPTH = 40
"""Levels of lists and mappings in JSON and YAML; what this project reads has six at most."""
LARGEST_DIGITS = 40
"""Characters of a whole number."""
LARGEST_CARD = 1_000_000
"""Characters of the card of a model."""
FRAME_INTERVAL = (1e-3, 10.0)
"""Seconds between the two frames of a pair."""
FOCAL, CENTRE = (0.05, 100.0), (-2.0, 3.0)
"""Of a trained camera, as shares of the image: views from 170 degrees down to half a degree."""
DEPTH_RANGE = (1e-4, 1e6)
"""Network units."""
LARGEST_FACTOR = 1e6
"""Of what is multiplied or divided by: a scale, a calibration; far from what overflows."""
MAX_RANGE = 80.0
"""m: what is deeper is beyond range, unless another number is given; KITTI scores up to it."""
SCORED = (1e-3, MAX_RANGE)
"""m: between these a true depth is scored, unless other numbers are given."""
SCALE = (1e-4, 1e4)
"""Metres per network unit."""
SCALE_WORDS = ('model', 'none', 'height', 'speed', 'height+speed')
"""What a scale may be instead of a number; core/scale/choice.py says what each means."""
CAMERA_HEIGHT = (0.1, 10.0)
"""m of a camera above the road."""
FARTHEST = 1e7
"""m from the origin of a frame: coordinates of UTM and of the earth's centre are nearer."""
FARTHEST_CAMERA = 1000.0
"""m from a base frame to its camera."""
FASTEST = 300.0
"""m/s of a vehicle."""
INPUT_STRIDE, SMALLEST_INPUT = 32, 64
"""Pixels: of the sides of a network's input, which its encoders halve five times."""
LARGEST_INPUT = 4_194_304
"""Pixels of a network's input, such as 2048x2048: a network of full width takes some 4 GB then."""


def is_speed(speed: float) -> bool:
    """Whether a vehicle can have this speed, m/s; not where it is NaN."""
    return abs(speed) <= FASTEST


def check_input_size(height: int, width: int, whose: str = 'input_size') -> None:
    """Raise MdepthError for images that no network takes.

    whose  begins the line of the error
    """
    if height % INPUT_STRIDE or width % INPUT_STRIDE or min(height, width) < SMALLEST_INPUT:
        raise MdepthError(
            f'{whose} {width}x{height}: the sides must be multiples of {INPUT_STRIDE}, from '
            f'{SMALLEST_INPUT}'
        )
    if height * width > LARGEST_INPUT:
        raise MdepthError(
            f'{whose} {width}x{height}: networks of more than {LARGEST_INPUT:,} pixels are not run'
        )


def check_stamp(nanoseconds: int, whose: str = 'a stamp') -> int:
    """The stamp itself, in ns; MdepthError for one that no message of ROS can hold.

    whose  begins the line of the error
    """
    if 0 <= nanoseconds <= LATEST_STAMP:
        return nanoseconds
    raise MdepthError(
        f'{whose} is at {nanoseconds // NANO} s, but ROS counts from 0 (1970) to '
        f'{LATEST_STAMP // NANO} (2038): correct the clock or the unit it comes from'
    )
