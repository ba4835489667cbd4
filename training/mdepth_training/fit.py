# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One training run, from an experiment to a model file."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose
from mdepth_training.config import Experiment, Training, save_experiment
from mdepth_training.data import Sample, StepOrder, TripletSource, make_loader
from mdepth_training.evaluation.metres_per_unit import metres_per_unit
from mdepth_training.initial import initial_licence, load_initial
from mdepth_training.loop import Loop
from mdepth_training.machine import autocast_dtype, keep_memory, share_cores
from mdepth_training.methods.method import Method
from mdepth_training.optimiser import Timetable
from mdepth_training.run_folder import Origin, check_folder, first_origin, git_state, record_start
from mdepth_training.source import open_source, open_validation, print_damage

_VALIDATION_BATCHES = 50
_PRECISIONS = {torch.float32: '32-true', torch.bfloat16: 'bf16-mixed', torch.float16: '16-mixed'}


def fit(
    experiment: Experiment,
    output: Path,
    *,
    resume: bool = False,
    until: int | None = None,
    minutes: float | None = None,
    cache: Path | None = None,
) -> Path:
    """Learn what the experiment says and return the model file.

    The last checkpoint is the model: nothing selects it. With `resume` the run goes on from the
    last checkpoint in `output`, and ends as it would have without the interruption. `until` stops
    after that step, as an interruption would; `minutes` stops with a checkpoint when so much time
    is over: then the model file is not there yet. What is rendered or extracted lies in `cache`,
    by default in `output`.

    Raises MdepthError for what a user can mend.
    """
    last, settings = check_folder(experiment, output, resume), experiment.training
    output.mkdir(parents=True, exist_ok=True)
    keep_memory()
    share_cores(experiment.data.workers)
    # First of all: what cannot be begun with is said before anything is rendered or extracted.
    fabric = _fabric(settings)
    torch.manual_seed(settings.seed)
    network = JointDepthPose(experiment.network)
    origin = first_origin(output) if last else _begin_with(network, settings.initial)
    source = open_source(experiment, cache or output)
    validation = open_validation(experiment, cache or output)
    experiment = replace(experiment, camera=source.camera)
    order = StepOrder(
        len(source),
        settings.batch_size,
        settings.seed,
        fabric.global_rank,
        fabric.world_size,
        source.epoch,
    )
    timetable = Timetable.of(
        settings, experiment.method, order.steps_per_epoch // settings.accumulate
    )
    method = experiment.method.learner()(experiment, timetable, network)
    if last is None and settings.initial:
        method.load_parts(Path(settings.initial))
    held_out = _validation_loader(validation, experiment, fabric) if validation else ()
    git = git_state()  # of the code that runs, not of its end
    if fabric.is_global_zero:
        save_experiment(experiment, output / 'experiment.yaml')
        record_start(output, experiment, {'resumed': last is not None, **asdict(origin)})
    fabric.launch()
    loop = Loop(fabric, method, output, source, order, held_out)
    if last is not None:
        loop.load(last)
    loader = make_loader(source, order, experiment.data.workers)
    loop.run(loader, min(timetable.steps, until or timetable.steps), minutes)
    print_damage(source)
    model = output / f'{experiment.name}.safetensors'
    if loop.done >= timetable.steps and fabric.is_global_zero:
        method.save_parts(model)
        write_model(method, source, model, git, origin)
    return model


def _begin_with(network: JointDepthPose, initial: str) -> Origin:
    return Origin(load_initial(network, initial), initial_licence(initial))


def _fabric(settings: Training) -> Fabric:
    """The devices, processes and number format of a run."""
    for name in ('lightning_fabric', 'lightning.fabric'):
        logging.getLogger(name).setLevel(logging.WARNING)
    torch.backends.cudnn.benchmark = torch.cuda.is_available()  # sizes never change
    devices = settings.devices
    if devices < 0:
        devices = max(torch.cuda.device_count(), 1)
    return Fabric(
        devices=devices,
        num_nodes=settings.nodes,
        strategy='ddp' if devices * settings.nodes > 1 else 'auto',
        precision=_PRECISIONS[autocast_dtype(settings.precision)],  # type: ignore[arg-type]
    )


def write_model(
    method: Method, source: TripletSource, path: Path, git: str, origin: Origin
) -> None:
    """Write the networks and their card.

    The metres of one unit come from the method (the baseline of a stereo pair), or from the depth
    of the synthetic training drives; from one real camera they are unknown.
    """
    experiment, (text, details) = method.experiment, method.describe()
    settings, recorded = experiment.training, experiment.data.recorded
    samples = settings.batch_size * settings.accumulate * method.process[1]
    own = 'as that of the recordings' if recorded else 'Apache-2.0'
    card = ModelCard(
        name=experiment.name,
        network=experiment.network,
        input_size=experiment.input_size,
        camera=experiment.camera,
        frame_interval=source.frame_interval,
        metres_per_unit=experiment.method.known_unit,
        motion_noise=None,
        method=text,
        data=source.description,
        seed=settings.seed,
        metrics={},
        licence=own if origin.licence in ('', own) else f'{own} and {origin.licence}',
        details={
            'steps': str(method.timetable.steps),
            'samples of a step': str(samples),
            **details,
            'selection': 'last checkpoint',
            'git': git,
            'began with': origin.weights,
        },
    )
    network = method.network.eval().cpu()
    if card.metres_per_unit is None and (world := experiment.data.rendered) is not None:
        rendered = replace(experiment, data=world)
        card = replace(card, metres_per_unit=metres_per_unit(network, card, rendered))
    save_model(path, network, card)


def _validation_loader(
    source: TripletSource, experiment: Experiment, fabric: Fabric
) -> DataLoader[Sample]:
    """Batches spread evenly over the held-out triplets of each source, each process its share."""
    size, ranks = experiment.training.batch_size, fabric.world_size
    batches: list[list[int]] = []
    for first, length in source.parts():
        count = min(length // (size * ranks), _VALIDATION_BATCHES) * ranks
        if not count:
            raise MdepthError(
                f'data.validation has {length} triplets, less than one batch of {size}: give '
                'more, or set data.validation=[]'
            )
        chosen = first + torch.linspace(0, length - 1, count * size).long().view(count, size)
        batches += chosen.tolist()[fabric.global_rank :: ranks]
    return make_loader(source, batches, 0)
