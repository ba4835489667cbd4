# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth synth`: a drive through the synthetic world, with its truth, as a ROS 2 bag."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mdepth_ros.cli.options import Appearance, Overwrite
from mdepth_ros.terminal import Console, say

if TYPE_CHECKING:
    from mdepth_ros.synthetic import Drive, View

START = 1_700_000_000_000_000_000  # ns: stamp of the first image; 0 means 'not stamped' in ROS
EXACT = 1e-9  # variance of the truth: consumers take a zero for 'not given'


def synth(
    output: Annotated[Path, typer.Argument(help='Folder of the bag to write.')],
    seed: Annotated[int, typer.Option(min=0, help='Another seed is another drive.')] = 0,
    frames: Annotated[int, typer.Option(min=1, max=1_000_000, help='Number of images.')] = 100,
    width: Annotated[int, typer.Option(min=16, help='Width of the images in pixels.')] = 640,
    height: Annotated[int, typer.Option(min=16, help='Height of the images in pixels.')] = 192,
    fov: Annotated[float, typer.Option(min=10, max=150, help='Degrees, horizontal.')] = 81.5,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help='Images per second.')] = 10.0,
    appearance: Appearance = 0.0,
    moving: Annotated[float, typer.Option(min=0, max=10, help='Amount of moving traffic.')] = 1.0,
    slope: Annotated[float, typer.Option(min=0, max=0.15, help='Steepest; 0.05 is 5 %.')] = 0.0,
    compressed: Annotated[bool, typer.Option(help='Write JPEG images, no raw ones.')] = False,
    overwrite: Overwrite = False,
    device: Annotated[str, typer.Option(help='Where to render: cpu, cuda or auto.')] = 'cpu',
) -> None:
    """Write a synthetic drive with exact truth as a ROS 2 bag.

    Topics: /camera/image_raw (or .../compressed), /camera/camera_info, /camera/depth (32FC1 in
    metres, +Inf for the sky), /camera/moving (mono8, 255 on what moves by itself),
    /ground_truth/odom (base_link in odom) and /tf_static. The same arguments give the same bag.

    Example: mdepth synth drive --frames 200 --seed 7
    """
    from rich.progress import track

    from mdepth_ros.core.machine import choose_device
    from mdepth_ros.geometry import Camera
    from mdepth_ros.synthetic import WorldConfig, make_drive

    where = str(choose_device(device))
    focal = width / (2 * math.tan(math.radians(fov) / 2))
    camera = Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)
    config = WorldConfig(
        appearance=appearance, moving=moving, frame_interval=1 / rate, slope=slope
    )
    drive = make_drive(seed, frames, camera, config)
    console = Console(stderr=True)
    steps = track(range(frames), 'rendering', console=console, transient=True)
    write_drive(drive, output, steps, compressed=compressed, overwrite=overwrite, device=where)
    say(
        f'wrote {output}: {frames} images of {width} x {height} at {rate:g} Hz, '
        f'{float(drive.speeds.sum()) / rate:.0f} m of road'
    )


def write_drive(
    drive: Drive,
    output: Path,
    indices: Iterable[int] | None = None,
    *,
    compressed: bool = False,
    overwrite: bool = False,
    device: str = 'cpu',
) -> None:
    """Write frames of a drive (all, if no indices are given) as a bag; see `synth` for its topics.

    Raises MdepthError where the folder exists already, unless `overwrite`, and for a full disk.
    """
    from mdepth_ros.ros.recording import BagWriter

    mount = _camera_in_base(drive)
    with BagWriter(output, overwrite=overwrite) as bag:
        for index in range(drive.frames) if indices is None else indices:
            for topic, message in _frame(drive, index, mount, compressed, device):
                bag.write(topic, message, START + drive.stamps[index])


def _camera_in_base(drive: Drive) -> Any:
    """T_base_camera: base_link is on the ground below the camera, with x forward (REP-103)."""
    from mdepth_ros.core.types import OPTICAL_ROTATION

    matrix = OPTICAL_ROTATION.copy()
    matrix[2, 3] = drive.camera_height
    return matrix


def _frame(
    drive: Drive, index: int, mount: Any, compressed: bool, device: str
) -> Iterator[tuple[str, Any]]:
    import numpy as np

    from mdepth_ros.core.types import CAMERA_FRAME
    from mdepth_ros.ros.conversions import camera_to_info, make_header, transform_stamped
    from mdepth_ros.ros.images import depth_message, image_message, jpeg_message

    # isort: split
    from tf2_msgs.msg import TFMessage

    stamp = START + drive.stamps[index]
    if index == 0:
        fixed = transform_stamped(mount, make_header(stamp, 'base_link'), CAMERA_FRAME)
        yield '/tf_static', TFMessage(transforms=[fixed])
    view: View = drive.render([index], device)
    image, depth = view.image[0].cpu().numpy(), view.depth[0].cpu().numpy()
    moving = view.moving[0].cpu().numpy()
    header = make_header(stamp, CAMERA_FRAME)
    if compressed:
        yield '/camera/image_raw/compressed', jpeg_message(image, header)
    else:
        yield '/camera/image_raw', image_message(image, header, 'rgb8')
    yield '/camera/camera_info', camera_to_info(drive.camera, header)
    yield '/camera/depth', depth_message(depth, header)
    yield '/camera/moving', image_message(np.where(moving, 255, 0), header, 'mono8')
    yield '/ground_truth/odom', _odometry(drive, index, mount, make_header(stamp, 'odom'))


def _odometry(drive: Drive, index: int, mount: Any, header: Any) -> Any:
    """Pose and twist of base_link; the twist is the mean over the frames beside this one."""
    import numpy as np

    from mdepth_ros.geometry import inverse_transform, se3_log
    from mdepth_ros.ros.conversions import odometry_message, pose_of_base, twist_of_base

    before, after = max(index - 1, 0), min(index + 1, drive.frames - 1)
    motion = inverse_transform(drive.poses[before]) @ drive.poses[after]
    elapsed = max(after - before, 1) * drive.config.frame_interval
    exact = EXACT * np.eye(6)
    pose, _ = pose_of_base(drive.poses[index].numpy(), exact, mount)
    twist, _ = twist_of_base((se3_log(motion) / elapsed).numpy(), exact, mount)
    return odometry_message((pose, exact), (twist, exact), header, 'base_link')
