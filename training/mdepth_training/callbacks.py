# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What happens beside the learning: checkpoints, stops, a watch for NaN, progress, pictures."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning
import matplotlib
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import save_file
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Sample
from mdepth_training.methods.method import WATCH_EVERY, Method


class Stopped(Exception):  # noqa: N818 - not an error
    """The run ended early as it was told to, and its checkpoint is written."""


class FiniteWatch(lightning.Callback):
    """Stops the run at the first loss or gradient that is not finite, with the batch saved.

    On a GPU nobody waits for every loss: the number of the first bad batch stays on the device
    and is looked at every few steps and before each checkpoint. What a batch holds depends on its
    number alone, so it can be made again.
    """

    def __init__(self, folder: Path, batch_of: Callable[[int], Sample]) -> None:
        self.folder, self.batch_of = folder, batch_of

    def on_train_start(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        """Nothing was bad so far."""
        self.first_bad = torch.tensor(-1, device=module.device)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        outputs: Any,
        batch: Sample,
        batch_index: int,
    ) -> None:
        """Note a bad batch without waiting for the device."""
        assert isinstance(module, Method)
        value = outputs['loss'].detach()
        # With float16 a gradient may overflow: the scaler skips that step and lowers its scale.
        if trainer.precision != '16-mixed':
            value = value + module.gradient_norm
        bad = ~value.isfinite() & (self.first_bad < 0)
        self.first_bad = torch.where(bad, batch_index, self.first_bad)
        at_once = trainer.world_size == 1 and module.device.type == 'cpu'
        if at_once or trainer.global_step % WATCH_EVERY == 0:
            self.check(trainer)

    def check(self, trainer: lightning.Trainer) -> None:
        """Raise MdepthError if a batch was bad, here or in another process."""
        mine = int(self.first_bad)
        anywhere = int(trainer.strategy.reduce(self.first_bad.clone(), reduce_op='max'))
        if mine >= 0:
            path = (
                self.folder / f'not-finite-batch-{mine}-process-{trainer.global_rank}.safetensors'
            )
            batch = self.batch_of(mine)
            save_file(batch.tensors() | batch.labels, path, {'keys': json.dumps(batch.keys)})
        if anywhere >= 0:
            step = anywhere // trainer.accumulate_grad_batches
            raise MdepthError(
                f'the loss or its gradient was not finite at step {step}; the batch is in '
                f'{self.folder}/not-finite-batch-*.safetensors: look at its images and cameras, '
                'or start again with a smaller training.learning_rate'
            )


class Checkpoints(lightning.Callback):
    """Writes the checkpoint, all or nothing: every so many steps, at the end, and at a stop.

    minutes  of learning after which the run is to stop; None: never
    """

    def __init__(
        self, path: Path, every: int, last_step: int, minutes: float | None, watch: FiniteWatch
    ) -> None:
        self.path, self.every, self.last_step = path, every, last_step
        self.seconds = None if minutes is None else 60 * minutes
        self.watch, self.interrupted = watch, False

    def on_train_start(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        """Begin to count, and let Ctrl-C and SIGTERM end the run after its step.

        The second of them ends it at once. Lightning puts the handlers back that were there.
        """
        self.began, self.seen = time.monotonic(), trainer.global_step

        def ask(number: int, _frame: object) -> None:
            self.interrupted = True
            signal.signal(number, signal.default_int_handler)

        with suppress(ValueError):  # not in the main thread: nobody can ask
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, ask)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Save where it is due; raise Stopped where the run is to end."""
        step = trainer.global_step
        if step == self.seen:  # gradients are being accumulated
            return
        self.seen = step
        late = self.seconds is not None and time.monotonic() - self.began > self.seconds
        asked = self.interrupted or late
        if trainer.world_size > 1:  # all or none, and the question is not free
            asked = step % WATCH_EVERY == 0 and trainer.strategy.broadcast(asked)
        if asked or step % self.every == 0 or step == self.last_step:
            self._save(trainer)
        if asked and step < self.last_step:
            raise Stopped

    def _save(self, trainer: lightning.Trainer) -> None:
        self.watch.check(trainer)
        partial = self.path.with_suffix('.partial')
        try:
            trainer.save_checkpoint(partial)
            if trainer.is_global_zero:
                partial.replace(self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise MdepthError(
                f'{self.path}: not saved at step {trainer.global_step}, '
                f'{error.strerror or error}: free some space and go on with --resume'
            ) from error


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
            disable=not trainer.is_global_zero,
        )
        self.task = self.bar.add_task('', total=trainer.max_steps, completed=trainer.global_step)
        self.bar.start()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: object
    ) -> None:
        """Advance by one step."""
        assert isinstance(module, Method)
        values = trainer.callback_metrics
        shown = {'loss': 'loss', 'validation': 'validation_loss', **module.progress}
        text = '  '.join(
            f'{name} {float(values[key]):.3f}' for name, key in shown.items() if key in values
        )
        self.bar.update(self.task, completed=trainer.global_step, description=text)
        if not self.bar.console.is_terminal and trainer.global_step % 100 == 0:
            self.bar.console.print(f'step {trainer.global_step} of {trainer.max_steps}: {text}')

    def teardown(self, trainer: object, module: object, stage: str) -> None:
        """Leave the terminal as it was."""
        if hasattr(self, 'bar'):
            self.bar.stop()


class Pictures(lightning.Callback):
    """Pictures for TensorBoard, those that the method left."""

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, *_: Any
    ) -> None:
        """Log them as one sheet."""
        assert isinstance(module, Method)
        if module.pictures is None or not trainer.is_global_zero:
            return
        sheet = contact_sheet(module.pictures)
        module.pictures = None
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image('reconstruction', sheet, trainer.global_step)


def contact_sheet(pictures: dict[str, Tensor], columns: int = 4) -> Tensor:
    """One row for each kind, one column for each of the first samples: [3, rows h, columns w].

    Images [B, 3, h, w] in 0..1 are shown as they are, maps [B, 1, h, w] as colours from their
    least to their largest value.
    """
    rows = []
    for values in pictures.values():
        images = values[:columns].float().cpu()
        if images.shape[1] == 1:
            images = torch.stack([_coloured(image[0]) for image in images])
        rows.append(torch.cat(list(images), 2))
    return torch.cat(rows, 1)


def _coloured(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    shares = ((values - low) / (high - low + 1e-9)).numpy()
    colours = matplotlib.colormaps['magma'](shares)[..., :3]
    return torch.from_numpy(colours).permute(2, 0, 1).float()
