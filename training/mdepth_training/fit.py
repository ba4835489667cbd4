# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One training run, from an experiment to a model file."""

from __future__ import annotations

import logging
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from mdepth_ros.core.machine import DTYPES, fast_bf16
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose
from mdepth_training.callbacks import Checkpoints, FiniteWatch, Pictures, StepProgress, Stopped
from mdepth_training.config import Experiment, Training, save_experiment
from mdepth_training.data import Sample, StepOrder, TripletSource, make_loader
from mdepth_training.evaluation.metres_per_unit import metres_per_unit
from mdepth_training.initial import initial_licence, load_initial
from mdepth_training.machine import keep_memory, share_cores
from mdepth_training.methods.method import WATCH_EVERY, Method
from mdepth_training.optimiser import Timetable
from mdepth_training.run_folder import (
    CHECKPOINT,
    MetricsFile,
    Origin,
    check_folder,
    first_origin,
    git_state,
    record_start,
)
from mdepth_training.source import open_source, open_validation, print_damage

_VALIDATION_BATCHES = 50
_PLUGINS = {torch.float32: '32-true', torch.bfloat16: 'bf16-mixed', torch.float16: '16-mixed'}


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
    logging.getLogger('lightning.pytorch').setLevel(logging.WARNING)
    # First of all: what cannot be begun with is said before anything is rendered or extracted.
    torch.manual_seed(settings.seed)
    network = JointDepthPose(experiment.network)
    if last is None:
        origin = Origin(load_initial(network, settings.initial), initial_licence(settings.initial))
    else:
        origin = first_origin(output)
    source = open_source(experiment, cache or output)
    validation = open_validation(experiment, cache or output)
    experiment = replace(experiment, camera=source.camera)
    devices, processes = _processes(settings)
    per_epoch = len(source) // (settings.batch_size * processes * settings.accumulate)
    timetable = Timetable.of(settings, experiment.method, per_epoch)
    method = experiment.method.learner()(experiment, timetable, network)

    watch = FiniteWatch(output, lambda number: source.batch(order.indices(number)))
    checkpoints = Checkpoints(
        output / CHECKPOINT, settings.save_every, timetable.steps, minutes, watch
    )
    trainer = lightning.Trainer(
        max_steps=min(timetable.steps, until or timetable.steps),
        devices=devices,
        num_nodes=settings.nodes,
        strategy='ddp' if processes > 1 else 'auto',
        precision=_PLUGINS[autocast_dtype(settings.precision)],
        accumulate_grad_batches=settings.accumulate,
        benchmark=torch.cuda.is_available(),  # sizes never change
        logger=[
            MetricsFile(output / 'metrics.csv', method.columns),
            TensorBoardLogger(output, name='', version='tensorboard'),
        ],
        callbacks=[watch, checkpoints, StepProgress(), Pictures()],
        log_every_n_steps=WATCH_EVERY,
        check_val_every_n_epoch=None,
        val_check_interval=settings.validate_every * settings.accumulate,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    order = StepOrder(
        len(source),
        settings.batch_size,
        settings.seed,
        lambda: trainer.global_step * settings.accumulate,
        trainer.global_rank,
        processes,
        source.epoch,
    )
    git = git_state()  # of the code that runs, not of its end
    if trainer.is_global_zero:
        save_experiment(experiment, output / 'experiment.yaml')
        record_start(output, experiment, {'resumed': last is not None, **asdict(origin)})
    loaders = [make_loader(source, order, experiment.data.workers)]
    if validation is not None:
        loaders.append(_validation_loader(validation, experiment, trainer))
    try:
        with warnings.catch_warnings():
            # Lightning's, of what is meant so: the batches come whole and have no end.
            for words in (
                'num_workers',
                'many workers',
                'not empty',
                'val_dataloader',
                'lru_cache',
            ):
                warnings.filterwarnings('ignore', message=f'.*{words}.*')
            warnings.filterwarnings('ignore', category=FutureWarning, module='lightning')
            trainer.fit(method, *loaders, ckpt_path=last, weights_only=True)
    except Stopped:
        pass
    except MdepthError as error:
        if not str(error).startswith('Caught '):
            raise
        # From a process of the loader, which sends its traceback along.
        raise MdepthError(str(error).rstrip().splitlines()[-1].partition(': ')[2]) from None
    except SystemExit:  # Lightning's answer to the second Ctrl-C, without a word
        if not trainer.interrupted:
            raise
        raise MdepthError(
            f'interrupted at step {trainer.global_step}: go on from the last checkpoint '
            'with --resume'
        ) from None
    if checkpoints.interrupted:
        raise MdepthError(f'interrupted at step {trainer.global_step}, saved: go on with --resume')
    print_damage(source)
    model = output / f'{experiment.name}.safetensors'
    if trainer.global_step >= timetable.steps and trainer.is_global_zero:
        write_model(method, source, model, git, origin)
    return model


def write_model(
    method: Method, source: TripletSource, path: Path, git: str, origin: Origin
) -> None:
    """Write the networks and their card.

    The metres of one unit come from the method (the baseline of a stereo pair), or from the depth
    of the synthetic training drives; from one real camera they are unknown.
    """
    experiment, (text, details) = method.experiment, method.describe()
    settings, recorded = experiment.training, experiment.data.recorded
    samples = settings.batch_size * settings.accumulate * _processes(settings)[1]
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


def autocast_dtype(asked: str) -> torch.dtype:
    """The number format of `training.precision`; float32 means no autocast.

    Raises MdepthError for float16 on a CPU.
    """
    if asked == 'fp16' and not torch.cuda.is_available():
        raise MdepthError('training.precision fp16 is for a GPU: use auto, bf16 or fp32 here')
    if asked != 'auto':
        return DTYPES[asked]
    if torch.cuda.is_available():
        # GPUs before Ampere compute bfloat16 as float32, and float16 in tensor cores.
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float16
    return torch.bfloat16 if fast_bf16() else torch.float32


def _processes(settings: Training) -> tuple[int, int]:
    """Devices of this machine, and processes of all machines."""
    devices = settings.devices
    if devices < 0:
        devices = max(torch.cuda.device_count(), 1)
    return devices, devices * settings.nodes


def _validation_loader(
    source: TripletSource, experiment: Experiment, trainer: lightning.Trainer
) -> DataLoader[Sample]:
    """Batches spread evenly over the held-out triplets of each source, each process its share."""
    size, ranks = experiment.training.batch_size, trainer.world_size
    batches: list[list[int]] = []
    for first, length in source.parts():
        count = min(length // (size * ranks), _VALIDATION_BATCHES) * ranks
        if not count:
            raise MdepthError(
                f'data.validation has {length} triplets, less than one batch of {size}: give '
                'more, or set data.validation=[]'
            )
        chosen = first + torch.linspace(0, length - 1, count * size).long().view(count, size)
        batches += chosen.tolist()[trainer.global_rank :: ranks]
    return make_loader(source, batches, 0)
