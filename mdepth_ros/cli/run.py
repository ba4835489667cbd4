# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth run`: a recording through the step."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mdepth_ros.cli import options
from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import MAX_RANGE
from mdepth_ros.model.shipped import shipped_model
from mdepth_ros.terminal import Console, print_rows, progress_bar


def run(
    source: Annotated[
        Path,
        typer.Argument(help='A bag, video, image folder, KITTI raw drive or odometry sequence.'),
    ],
    output: Annotated[Path, typer.Option('--output', '-o', help='Directory for the results.')],
    model: options.Model = None,
    topic: options.Topic = None,
    camera_info: options.CameraInfo = None,
    intrinsics: options.Intrinsics = None,
    rectified: options.Rectified = None,
    rate: options.Rate = None,
    mask: options.Mask = None,
    topics: Annotated[str, typer.Option(help='Outputs, with commas between, or all.')] = 'all',
    namespace: Annotated[str, typer.Option(help='Put the output topics under it.')] = '',
    keep_inputs: Annotated[
        bool, typer.Option('--keep-inputs', help='Copy images and camera_info of a bag.')
    ] = False,
    base_frame: Annotated[
        str | None, typer.Option(help='Of the odometry; default: base_link, else camera_link.')
    ] = None,
    scale: Annotated[
        str,
        typer.Option(help='Metres per unit: a number, model, none, height, speed, height+speed.'),
    ] = 'model',
    camera_height: Annotated[
        float | None,
        typer.Option(
            parser=options.number_or_auto,
            metavar='METRES',
            help='Of the camera above the road, for the scale; auto: not known.',
        ),
    ] = None,
    speed: Annotated[
        str | None, typer.Option(help='Topic of Odometry or TwistStamped, for the scale.')
    ] = None,
    max_range: Annotated[float, typer.Option(help='Depth beyond it is +Inf, metres.')] = MAX_RANGE,
    min_confidence: Annotated[
        float, typer.Option(help='Depth of less confidence is NaN; 0: none.')
    ] = 0.0,
    refine: Annotated[
        bool, typer.Option(help="Correct the networks' motion by corners of the images.")
    ] = True,
    cues: Annotated[
        bool, typer.Option(help='Give the depth the cues of the pair; else one image must do.')
    ] = True,
    keyframes: Annotated[
        bool, typer.Option('--keyframes', help='Compare frames further apart while it is slow.')
    ] = False,
    frame_interval: Annotated[
        float | None,
        typer.Option(
            parser=options.number_or_auto,
            metavar='SECONDS',
            help='Between the two frames of a pair; auto: as in training.',
        ),
    ] = None,
    encoding: Annotated[
        str,
        typer.Option(help='32FC1 (m) or 16UC1 (mm).', callback=options.one_of('32FC1', '16UC1')),
    ] = '32FC1',
    cloud_stride: Annotated[int, typer.Option(min=1, help='A point every so many pixels.')] = 1,
    cloud_max_step: Annotated[
        float, typer.Option(help='Points of neighbours that differ by more are NaN; 0: none.')
    ] = 0.4,
    storage: options.Storage = 'mcap',
    start: Annotated[float, typer.Option(min=0, help='Seconds to leave out.')] = 0.0,
    frames: Annotated[int | None, typer.Option(min=1, help='Frames at most.')] = None,
    device: Annotated[str, typer.Option(help='auto, cpu, cuda or cuda:N.')] = 'auto',
    precision: Annotated[str, typer.Option(help='auto, fp32, bf16 or fp16.')] = 'auto',
    overwrite: options.Overwrite = False,
) -> None:
    """Turn a recording into depth, odometry and point clouds: a bag, and trajectory files.

    No frame is dropped, and two runs give the same bytes. Ctrl-C keeps what is done so far.

    Examples: mdepth run DRIVE.mcap -o OUT

    mdepth run VIDEO.mp4 -o OUT --intrinsics 1156,1151,671,389 --topics depth/image_rect,odom

    mdepth run DRIVE.mcap -o OUT --scale height --camera-height 1.65

    mdepth run 2011_09_26/2011_09_26_drive_0005_sync -o OUT --frames 100
    """
    from mdepth_ros import offline
    from mdepth_ros.core.mount_check import MountCheck
    from mdepth_ros.core.perception import build_perception
    from mdepth_ros.report.poses import find_base
    from mdepth_ros.report.scale_over_time import read_scale
    from mdepth_ros.ros.outputs import TOPICS
    from mdepth_ros.sources import open_source

    if output.resolve() in (source.resolve(), *source.resolve().parents):
        raise MdepthError(f'{output} holds the source: choose another place for the results')
    drive = open_source(
        source,
        topic=topic,
        camera_info=camera_info,
        intrinsics=intrinsics,
        speed=speed,
        rate=rate,
        rectified=rectified,
        mask=mask,
        start=start,
        frames=frames,
    )
    if 'speed' in scale.split('+') and not drive.has_speed:
        raise MdepthError(
            f'{source} tells no speed: choose another --scale, or of a bag --speed TOPIC '
            '(Odometry or TwistStamped)'
        )
    frame, mount = find_base(drive, base_frame)
    chosen: dict[str, Any] = {
        'cues': cues,
        'scale': scale,
        'camera_height': camera_height,
        'keyframes': keyframes,
        'max_range': max_range,
        'min_confidence': min_confidence,
    }
    perception = build_perception(
        model or shipped_model(),
        device=device,
        precision=precision,
        refined=refine,
        frame_interval=frame_interval,
        initial_pose=mount,
        **chosen,
        mount=None if mount is None else MountCheck(mount, frame, drive.frame_id),
    )
    card = perception.estimator.card
    interval = card.frame_interval if frame_interval is None else frame_interval
    with progress_bar(Console(stderr=True), 'frames', None) as update:
        report = offline.run(
            drive,
            perception,
            output,
            topics=list(TOPICS) if topics == 'all' else [t.strip() for t in topics.split(',')],
            namespace=namespace,
            base_frame=frame,
            encoding=encoding,
            cloud_stride=cloud_stride,
            cloud_max_step=cloud_max_step,
            storage=storage,
            keep_inputs=keep_inputs,
            overwrite=overwrite,
            card=card.to_json(),
            settings={
                'source': str(source.resolve()),
                'topic': getattr(drive, 'topic', None),
                'rectified': rectified,
                'mask': None if drive.mask is None else drive.mask.name,
                'model': card.name,
                'device': perception.estimator.device.type,
                'precision': perception.estimator.precision,
                'speed': speed,
                'refine': refine,
                'frame_interval': interval,
                'start': start,
                'namespace': namespace,
                **chosen,
            },
            on_progress=lambda done, total: update(completed=done, total=total),
        )
    print_rows(report.rows())
    if (series := read_scale(output)) is not None:
        from mdepth_ros.report.plots import plot_scale

        plot_scale(output / 'scale.png', series)
    if report.interrupted:
        raise typer.Exit(130)
