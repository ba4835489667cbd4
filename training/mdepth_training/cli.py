# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command `mdepth-train`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import typer

from mdepth_ros.cli.options import Rectified
from mdepth_ros.terminal import checked, run_app, say
from mdepth_training.ablation.command import ablate, masks, regions, speeds
from mdepth_training.adapt.command import adapt
from mdepth_training.evaluation.command import evaluate
from mdepth_training.evaluation.picture_commands import compare
from mdepth_training.evaluation.suite_command import suite
from mdepth_training.options import Cache, Minutes, Overrides

app = typer.Typer(
    help='Learn depth and ego-motion from unlabelled drives, and score what was learned.',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
@checked
def fit(
    config: Annotated[Path, typer.Argument(help='The experiment, a YAML file.')],
    output: Annotated[Path, typer.Option('--output', '-o', help='Folder of the run.')],
    resume: Annotated[bool, typer.Option(help='Go on from the last checkpoint there.')] = False,
    overrides: Overrides = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help='Stop with a checkpoint after so long.')
    ] = None,
    cache: Cache = None,
) -> None:
    """Learn what an experiment says.

    Example: mdepth-train fit training/configs/own-drives.yaml -o runs/own
    --set data.recordings=drives --set training.batch_size=4

    Every setting is explained in training/README.md. Ctrl-C stops after the step, with a
    checkpoint; --resume goes on from there and ends as if nothing had happened.
    """
    from mdepth_training.config import load_experiment
    from mdepth_training.fit import fit as run
    from mdepth_training.run_folder import is_first_process, only_writer

    experiment = load_experiment(config, overrides)
    with only_writer(output):
        model = run(experiment, output, resume=resume, minutes=minutes, cache=cache)
    if not is_first_process():  # the first of several processes writes the model and tells of it
        return
    if model.exists():
        say(f'the model: {model}')
    else:
        say('stopped, with a checkpoint: go on with the same command and --resume')


app.command()(checked(evaluate))
app.command()(checked(ablate))
app.command()(checked(regions))
app.command()(checked(masks))
app.command()(checked(speeds))
app.command()(checked(compare))
app.command()(checked(suite))
app.command()(checked(adapt))


@app.command()
@checked
def run(
    recipe: Annotated[Path, typer.Argument(help='The stages, a YAML file.')],
    output: Annotated[Path, typer.Option('--output', '-o', help='Folder of all stages.')],
    first: Annotated[
        str | None, typer.Option('--from', help='Make this stage and all after it anew.')
    ] = None,
    only: Annotated[str | None, typer.Option(help='Run this stage alone.')] = None,
    status: Annotated[
        bool, typer.Option('--status', help='Only show what is finished and what is not.')
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            '--set', help='Override a setting of all stages, or of one: STAGE.NAME=VALUE.'
        ),
    ] = None,
    minutes: Minutes = None,
    cache: Cache = None,
) -> None:
    """Run a chain of stages: train, make labels, score; what is finished stays.

    The same command goes on where it stopped, inside a stage too.

    Example: mdepth-train run training/configs/recipes/road-nano.yaml -o runs/road
    """
    from mdepth_training.run_folder import only_writer
    from mdepth_training.stages import load_recipe, print_stages, run

    stages = load_recipe(recipe, output, overrides or [])
    if status:
        print_stages(stages)
        return
    words = ['mdepth-train', 'run', str(recipe), '-o', str(output)]
    words += [word for override in overrides or [] for word in ('--set', override)]
    command = shlex.join(words)
    with only_writer(output):
        try:
            done = run(
                stages,
                cache or output / 'cache',
                first=first,
                only=only,
                minutes=minutes,
                command=command,
            )
        finally:
            print_stages(stages)
    say('finished' if done else f'stopped, the time is over: go on with {command}')


@app.command()
@checked
def bench(
    config: Annotated[Path, typer.Argument(help='The experiment, a YAML file.')],
    data: Annotated[
        str | None,
        typer.Option(help="Recordings; else the experiment's own, else made-up ones as KITTI's."),
    ] = None,
    png: Annotated[bool, typer.Option(help='Made-up images as PNG, not JPEG.')] = False,
    rounds: Annotated[
        int, typer.Option(min=1, max=100_000, help='How often everything is measured.')
    ] = 8,
    json: Annotated[Path | None, typer.Option(help='Also write the numbers here.')] = None,
    overrides: Overrides = None,
) -> None:
    """Measure samples per second: our step, the same step written plainly, and the loader.

    Example: mdepth-train bench training/configs/synthetic-nano.yaml
    """
    from mdepth_training.bench import bench_command

    bench_command(config, data, png, rounds, json, overrides)


@app.command()
@checked
def pseudo(
    provider: Annotated[
        str,
        typer.Option(
            help='A depth model of transformers (name or folder), an .onnx file, a model of ours, '
            'a folder of maps, or truth-stand-in.'
        ),
    ],
    output: Annotated[Path, typer.Option('--output', '-o', help='Folder of the label store.')],
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(help="What `fit` reads: bags, KITTI, ...; none: the experiment's data."),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option('--with', help='A setting of the provider, such as space=disparity.'),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help='The experiment that learns from it: its view and size.')
    ] = None,
    overrides: Overrides = None,
    minutes: Minutes = None,
    cache: Cache = None,
) -> None:
    """Make pseudo-depth: what a large network says of each frame, for a small one to learn from.

    The label is pseudo_depth or pseudo_disparity. The same command goes on where it stopped.

    Example: mdepth-train pseudo my_bag -o runs/pseudo
    --provider depth-anything/Depth-Anything-V2-Small-hf
    """
    from mdepth_training.config import load_experiment
    from mdepth_training.labels.pseudo import read_settings
    from mdepth_training.stages.pseudo import pseudo_command

    settings, experiment = read_settings(provider, given or []), load_experiment(config, overrides)
    done = pseudo_command(recordings or [], settings, output, experiment, minutes, cache)
    say('finished' if done else 'stopped, the time is over: the same command goes on')


@app.command()
@checked
def labels(
    store: Annotated[Path, typer.Argument(help='Folder of a label store.')],
    sheet: Annotated[
        Path | None, typer.Option(help='Write a picture of some frames here (.png).')
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help='Write a drive as a video here (.mp4).')
    ] = None,
    drive: Annotated[
        str | None, typer.Option(help='Show this drive; else all, in the video the first.')
    ] = None,
    recording: Annotated[
        Path | None, typer.Option(help='What was labelled: show, or read, its images too.')
    ] = None,
    bench: Annotated[
        bool, typer.Option('--bench', help='Measure reading, beside decoding JPEGs.')
    ] = False,
) -> None:
    """Show what a label store holds, what made it, and how it looks.

    Example: mdepth-train labels runs/labels --sheet labels.png --recording data
    """
    from mdepth_training.labels.show import show_command

    show_command(store, sheet, video, drive, recording, bench)


@app.command()
@checked
def extract(
    recordings: Annotated[
        list[Path], typer.Argument(help='Bags, videos, image folders or KITTI drives.')
    ],
    output: Annotated[
        Path, typer.Option('--output', '-o', help='Folder of the dataset; more can be added.')
    ],
    config: Annotated[
        Path | None, typer.Option(help='Experiment to extract for: its size and interval.')
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Of the images, WxH; else 1.5 times the network's.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help='Camera topic or image folder.')] = None,
    camera_info: Annotated[
        str | None, typer.Option(help='Its camera_info, where that is not its sibling.')
    ] = None,
    intrinsics: Annotated[str | None, typer.Option(help="'fx,fy,cx,cy', or a file.")] = None,
    rectified: Rectified = None,
    rate: Annotated[
        float | None, typer.Option(help='Frames per second of a video or image folder.')
    ] = None,
    mask: Annotated[
        str | None, typer.Option(help='PNG of the size of the images: black is not learned from.')
    ] = None,
    stereo_topic: Annotated[
        str | None, typer.Option(help='The other camera of a stereo pair.')
    ] = None,
    truth_cloud: Annotated[
        str | None, typer.Option(help='Lidar topic, for evaluation only.')
    ] = None,
    truth_depth: Annotated[
        str | None, typer.Option(help='Depth image topic, for evaluation only.')
    ] = None,
    truth_odometry: Annotated[
        str | None, typer.Option(help='Odometry topic, for evaluation only.')
    ] = None,
    interval: Annotated[
        float, typer.Option(min=0, help='Seconds between images; 0: all that were recorded.')
    ] = 0.0,
    keep_static: Annotated[
        bool, typer.Option('--keep-static', help='Keep images of a standing camera.')
    ] = False,
    png: Annotated[
        bool, typer.Option('--png', help='Without loss, three times the space.')
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=1024, help='Processors to use; default: all.')
    ] = None,
) -> None:
    """Turn recordings into a dataset folder: rectified images, camera, times.

    What is finished stays: the same command goes on where it stopped.

    Example: mdepth-train extract drives/*.mcap -o data --config training/configs/own-drives.yaml
    """
    given = dict(locals())
    from mdepth_training.data.extract import extract_command

    extract_command(**given)


def main() -> None:
    """Run a command."""
    run_app(app)
