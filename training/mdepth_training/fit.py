# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One training run: a folder with its configuration, log, checkpoints and the model file."""

from __future__ import annotations

import logging
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.data import DataLoader

from mdepth_ros.errors import MdepthError
from mdepth_ros.machine import fast_bf16
from mdepth_ros.model_file import ModelCard, load_model, save_model
from mdepth_training.config import Experiment, load_experiment, save_experiment
from mdepth_training.data import StepBatches
from mdepth_training.data.synthetic import SyntheticTriplets
from mdepth_training.evaluation.scale import metres_per_unit
from mdepth_training.methods.implicit_cues import WATCH_EVERY, ImplicitCues


def fit(
    experiment: Experiment, output: Path, *, resume: bool = False, until: int | None = None
) -> Path:
    """Learn what the experiment says and return the model file.

    The last checkpoint is the model: nothing selects it. With `resume` the run goes on from the
    last checkpoint in `output`, and ends as it would have without the interruption. `until` stops
    after that step, as an interruption would.
    """
    last = output / 'last.ckpt'
    if last.exists() and not resume:
        raise MdepthError(
            f'{output} holds a run already: add --resume, or choose another --output'
        )
    begun = output / 'experiment.yaml'
    if last.exists() and begun.exists() and load_experiment(begun).network != experiment.network:
        raise MdepthError(f'{output} was begun with another network: choose another --output')
    output.mkdir(parents=True, exist_ok=True)
    logging.getLogger('lightning.pytorch').setLevel(logging.WARNING)
    save_experiment(experiment, begun)
    settings, git = experiment.training, _git_state()  # of the code that runs, not of its end
    torch.manual_seed(settings.seed)
    method = ImplicitCues(experiment)
    triplets = SyntheticTriplets(experiment, output)
    trainer = lightning.Trainer(
        max_steps=min(settings.steps, until or settings.steps),
        devices=1,
        precision=_precision(settings.precision),
        logger=[CSVLogger(output, name='log'), TensorBoardLogger(output, name='log')],
        callbacks=[
            ModelCheckpoint(output, save_last=True, every_n_train_steps=settings.save_every),
            StepProgress(),
        ],
        log_every_n_steps=WATCH_EVERY,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = StepBatches(
        triplets, settings.batch_size, settings.seed, first_step=lambda: trainer.global_step
    )
    with warnings.catch_warnings():  # Lightning's, of what is meant so
        # The batches come whole from memory and have no end: workers and lengths do not apply.
        warnings.filterwarnings('ignore', message='.*(num_workers|many workers|not empty).*')
        warnings.filterwarnings('ignore', category=FutureWarning, module='lightning')
        try:
            trainer.fit(
                method,
                DataLoader(batches, batch_size=None),
                ckpt_path=last if last.exists() else None,
                weights_only=True,
            )
        except SystemExit:  # Lightning's answer to Ctrl-C, without a word
            if not trainer.interrupted:
                raise
    if trainer.interrupted:
        raise MdepthError(f'interrupted at step {trainer.global_step}: go on with --resume')
    model = output / f'{experiment.name}.safetensors'
    if trainer.global_step >= settings.steps:
        write_model(experiment, method, model, git)
    return model


def write_model(experiment: Experiment, method: ImplicitCues, path: Path, git: str) -> None:
    """Write the networks and their card; the metres of one unit come from the training drives."""
    settings, data = experiment.training, experiment.data
    card = ModelCard(
        name=experiment.name,
        network=experiment.network,
        input_size=experiment.input_size,
        camera=experiment.camera,
        frame_interval=data.frame_interval,
        metres_per_unit=None,
        motion_noise=None,
        method='implicit cues (IDCE + HAM), self-supervised on monocular triplets',
        data=(
            f'synthetic world: {data.drives} drives of {data.frames} frames, '
            f'appearance {data.appearance:g}, moving {data.moving:g}, seeds from {data.first_seed}'
        ),
        seed=settings.seed,
        metrics={},
        licence='Apache-2.0',
        details={
            'steps': str(settings.steps),
            'cues from step': str(settings.joint_from),
            'selection': 'last checkpoint',
            'git': git,
        },
    )
    network = method.network.eval().cpu()
    save_model(path, network, card)
    scale = metres_per_unit(*load_model(path), experiment)
    save_model(path, network, replace(card, metres_per_unit=scale))


class StepProgress(lightning.Callback):
    """A progress bar over the steps, with the time left and what tells a healthy run."""

    def on_train_start(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        """Begin where the run (perhaps resumed) begins."""
        self.bar = Progress(
            TextColumn('learning'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn('{task.description}'),
        )
        self.task = self.bar.add_task('', total=trainer.max_steps, completed=trainer.global_step)
        self.bar.start()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        """Advance by one step."""
        values = trainer.callback_metrics
        text = '  '.join(
            f'{name} {float(values[key]):.3f}'
            for name, key in (
                ('loss', 'loss'),
                ('spread', 'log_depth_spread'),
                ('mask', 'mask_share'),
            )
            if key in values
        )
        self.bar.update(self.task, completed=trainer.global_step, description=text)
        if not self.bar.console.is_terminal and trainer.global_step % 100 == 0:
            self.bar.console.print(f'step {trainer.global_step} of {trainer.max_steps}: {text}')

    def teardown(self, trainer: object, module: object, stage: str) -> None:
        """Leave the terminal as it was."""
        if hasattr(self, 'bar'):
            self.bar.stop()


def _precision(asked: str) -> str:
    if asked != 'auto':
        return {'fp32': '32-true', 'bf16': 'bf16-mixed', 'fp16': '16-mixed'}[asked]
    if torch.cuda.is_available():
        return 'bf16-mixed' if torch.cuda.is_bf16_supported() else '16-mixed'
    return 'bf16-mixed' if fast_bf16() else '32-true'


def _git_state() -> str:
    """Name the commit that made a run, with a + where files differ from it."""
    try:
        run = subprocess.run(
            ['git', 'describe', '--always', '--dirty=+'],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return run.stdout.strip()
