# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The steps of a run: learn, watch, save, stop. Fabric brings devices, precision and processes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Event
from typing import Any

import torch
from lightning_fabric import Fabric
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import save_file
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.checkpoint_import import read_plain
from mdepth_training.data import Sample, StepOrder, TripletSource, plain_errors
from mdepth_training.machine import autocast_dtype
from mdepth_training.methods.method import WATCH_EVERY, Method
from mdepth_training.run_folder import CHECKPOINT
from mdepth_training.run_log import RunLog


class Loop:
    """Learns step by step. What a step sees and draws depends on the seed and its number alone.

    order      of the triplets of `source`
    held_out   batches of the validation loss, the same each time
    done       steps that were made
    """

    def __init__(
        self,
        fabric: Fabric,
        method: Method,
        output: Path,
        source: TripletSource,
        order: StepOrder,
        held_out: Iterable[Sample] = (),
    ) -> None:
        self.fabric, self.method, self.output = fabric, method, output
        self.source, self.order, self.held_out = source, order, held_out
        self.settings, self.last_step = method.shared, method.timetable.steps
        self.precision = fabric.strategy.precision
        method.to(fabric.device)
        method.process = fabric.global_rank, fabric.world_size
        self.optimizer: Any = fabric.setup_optimizers(method.optimizer())
        self.done = 0
        self.first_bad = torch.tensor(-1, device=fabric.device)
        sources = method.experiment.data.parts if method.experiment.data.sources else ()
        columns = (*(f'validation_loss_{name}' for name in sources), *method.columns)
        self.log = RunLog(output, columns, enabled=fabric.is_global_zero)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = read_plain(path)
        self.method.load_state_dict(state['state_dict'])
        self.optimizer.load_state_dict(state['optimizer_states'][0])
        if scaler := state.get('MixedPrecision'):
            self.precision.load_state_dict(scaler)
        self.done = state['global_step']
        self.order.first = self.done * self.settings.accumulate

    def save(self) -> None:
        """Replace the checkpoint, all or nothing; MdepthError where it cannot be written."""
        self._check()
        path = self.output / CHECKPOINT
        partial = path.with_suffix('.partial')
        state = {
            'global_step': self.done,
            'state_dict': self.method.state_dict(),
            'optimizer_states': [self.optimizer.state_dict()],
            'MixedPrecision': self.precision.state_dict(),
        }
        try:
            self.fabric.save(partial, state)
            if self.fabric.is_global_zero:
                partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise MdepthError(
                f'{path}: not saved at step {self.done}, {error.strerror or error}: free some '
                'space and go on with --resume'
            ) from error

    def run(self, batches: Iterable[Sample], until: int, minutes: float | None) -> None:
        """Learn up to the step `until`, or until `minutes` are over.

        Raises MdepthError, with a checkpoint, where Ctrl-C or SIGTERM ends the run after a step;
        the second of them ends it at once.
        """
        end = None if minutes is None else time.monotonic() + 60 * minutes
        module = self.fabric.strategy.setup_module(self.method.train())
        try:
            with plain_errors(), _told_to_stop() as told, self._progress() as show:
                taken = iter(batches)
                while self.done < until:
                    self._step(module, taken)
                    show()
                    late = end is not None and time.monotonic() > end
                    if self._save_where_due(told.is_set() or late):
                        break
                    if self.held_out and self.done % self.settings.validate_every == 0:
                        self._validate()
        except KeyboardInterrupt:
            raise MdepthError(
                f'interrupted at step {self.done}: go on from the last checkpoint with --resume'
            ) from None
        finally:
            self.log.close()
        if told.is_set():
            raise MdepthError(f'interrupted at step {self.done}, saved: go on with --resume')

    def _step(self, module: Any, batches: Iterator[Sample]) -> None:
        """One step of the optimiser, from one batch or several."""
        method, parts = self.method, self.settings.accumulate
        method.step = self.done
        if self.settings.new_optimiser and self.done in method.timetable.stages:
            self.optimizer.optimizer.state.clear()
        rate = self.settings.learning_rate * method.timetable.rate(self.done)
        for group in self.optimizer.param_groups:
            group['lr'] = rate
        for part in range(parts):
            alone = self.fabric.world_size > 1 and part < parts - 1
            with module.no_sync() if alone else nullcontext():
                with self._autocast():
                    loss = module(next(batches).on(self.fabric.device), part)
                self.fabric.backward(loss / parts)
            self._note(loss.detach(), self.done * parts + part)
        self.precision.unscale_gradients(self.optimizer.optimizer)
        method.rest()
        gradients = [p.grad for p in method.parameters() if p.grad is not None]
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        if not getattr(self.precision, 'scaler', None):
            # With float16 a gradient may overflow: the scaler skips that step, and scales less.
            self._note(norm, self.done * parts + parts - 1)
        if clip := self.settings.clip:
            for gradient in gradients:
                gradient.mul_((clip / norm).clamp(max=1))
        self.optimizer.step()
        self.optimizer.zero_grad()
        if method.watched:
            values = {'loss': loss.detach(), 'gradient_norm': norm, 'learning_rate': rate}
            self.log.write(self.done + 1, {**values, **method.logged})
        if method.pictured and method.pictures is not None:
            self.log.draw(self.done + 1, method.pictures)
        self.done += 1

    def _autocast(self) -> torch.autocast:
        """Without a cache: a weight that is used twice gets both its gradients in float32."""
        kind, dtype = self.fabric.device.type, autocast_dtype(self.settings.precision)
        enabled = dtype != torch.float32
        return torch.autocast(kind, dtype, enabled=enabled, cache_enabled=False)

    def _save_where_due(self, stop: bool) -> bool:
        """Save every so many steps, at the end and at a stop; return whether it is a stop."""
        at_once = self.fabric.world_size == 1
        if not at_once:  # all or none, and the question is not free
            stop = self.done % WATCH_EVERY == 0 and self.fabric.broadcast(stop)
        due = self.done % self.settings.save_every == 0 or self.done == self.last_step
        if stop or due:
            self.save()
        elif self.done % WATCH_EVERY == 0 or (at_once and self.fabric.device.type == 'cpu'):
            self._check()
        return stop

    def _note(self, value: Tensor, batch: int) -> None:
        """Note the first batch with a value that is not finite, without waiting for the device."""
        bad = ~value.isfinite() & (self.first_bad < 0)
        self.first_bad = torch.where(bad, batch, self.first_bad)

    def _check(self) -> None:
        """Raise MdepthError where a batch was not finite, here or in another process; keep it."""
        mine = int(self.first_bad)
        anywhere = int(self.fabric.all_reduce(self.first_bad.clone(), reduce_op='max'))
        if mine >= 0:
            name = f'not-finite-batch-{mine}-process-{self.fabric.global_rank}.safetensors'
            batch = self.source.batch(self.order.indices(mine))
            tensors = batch.tensors() | batch.labels
            save_file(tensors, self.output / name, {'keys': json.dumps(batch.keys)})
        if anywhere >= 0:
            raise MdepthError(
                f'the loss or its gradient was not finite at step '
                f'{anywhere // self.settings.accumulate}; the batch is in '
                f'{self.output}/not-finite-batch-*.safetensors: look at its images and cameras, '
                'or start again with a smaller training.learning_rate'
            )

    def _validate(self) -> None:
        """Log the mean loss of the held-out batches, and of each source; it selects nothing."""
        self.method.eval()
        with torch.inference_mode(), self._autocast():
            losses: dict[str, list[Tensor]] = {'': []}
            for sample in self.held_out:
                torch.manual_seed(self.settings.seed)
                loss = self.method.validation_loss(sample.on(self.fabric.device))
                for name in dict.fromkeys(('', sample.source)):
                    losses.setdefault(name, []).append(loss)
            means = {
                f'validation_loss{name and "_"}{name}': torch.stack(of_one).mean()
                for name, of_one in losses.items()
            }
        self.method.train()
        self.log.write(self.done, {n: self.fabric.all_reduce(loss) for n, loss in means.items()})

    @contextmanager
    def _progress(self) -> Iterator[Callable[[], None]]:
        """A bar over the steps, with the time left and what tells a healthy run."""
        bar = Progress(
            TextColumn('learning'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn('{task.description}'),
            disable=not self.fabric.is_global_zero,
        )
        task = bar.add_task('', total=self.last_step, completed=self.done)
        words = {'loss': 'loss', 'validation': 'validation_loss', **self.method.progress}

        def show() -> None:
            latest = self.log.latest
            text = '  '.join(f'{w} {latest[n]:.3f}' for w, n in words.items() if n in latest)
            bar.update(task, completed=self.done, description=text)
            if not bar.console.is_terminal and self.done % 100 == 0:
                bar.console.print(f'step {self.done} of {self.last_step}: {text}')

        with bar:
            yield show


@contextmanager
def _told_to_stop() -> Iterator[Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second raises KeyboardInterrupt."""
    told, before = Event(), {}

    def ask(number: int, _frame: object) -> None:
        told.set()
        signal.signal(number, signal.default_int_handler)

    with suppress(ValueError):  # not in the main thread: nobody can ask
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, ask)
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
