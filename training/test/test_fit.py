# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The whole way from a configuration to a model file, at the smallest size."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from mdepth_training.config import (
    Data,
    Experiment,
    MixedSource,
    SyntheticData,
    Training,
    load_experiment,
)
from mdepth_training.data import Sample
from mdepth_training.data.synthetic import SyntheticTriplets
from mdepth_training.fit import fit
from mdepth_training.loop import Loop
from mdepth_training.methods.implicit_cues.settings import ImplicitCuesSettings
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import load_model, replace_card
from mdepth_ros.networks import NetworkConfig

TINY = Experiment(
    name='tiny',
    input_size=(64, 96),
    network=NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1),
    data=Data(workers=0, synthetic=SyntheticData(drives=2, frames=6)),
    method=ImplicitCuesSettings(joint_from=2, constant_velocity=0.05),
    training=Training(
        steps=7,
        batch_size=2,
        warm_up=2,
        save_every=2,
        weight_decay=1e-4,
        images_every=3,
    ),
)
pytestmark = pytest.mark.usefixtures('no_unit')


def tiny(**changes: object) -> Experiment:
    own = {name: changes.pop(name) for name in vars(TINY.method) if name in changes}
    return replace(
        TINY, method=replace(TINY.method, **own), training=replace(TINY.training, **changes)
    )


def assert_equal(first: Path, second: Path) -> None:
    states = [load_model(path)[0].state_dict() for path in (first, second)]
    for name, weight in states[0].items():
        assert torch.equal(weight, states[1][name]), name


def steps_in(folder: Path) -> list[int]:
    with (folder / 'metrics.csv').open() as file:
        return [int(row['step']) for row in csv.DictReader(file) if row['loss']]


@pytest.fixture(scope='module', autouse=True)
def watched_early() -> Iterator[None]:
    """So few steps have a row of metrics too: of the 5th."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ('methods.method', 'loop'):
            patch.setattr(f'mdepth_training.{module}.WATCH_EVERY', 5)
        yield


@pytest.fixture(scope='module')
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp('cache')


@pytest.fixture(scope='module')
def whole(tmp_path_factory, cache: Path) -> Path:
    return fit(TINY, tmp_path_factory.mktemp('whole'), cache=cache)


def test_a_run_ends_in_a_model_whose_card_says_what_it_is(whole: Path) -> None:
    network, card = load_model(whole)
    assert card.network == TINY.network and card.input_size == (64, 96)
    assert 'synthetic world: 2 drives' in card.data and card.details['steps'] == '7'
    assert card.details['began with'] == 'chance' and card.details['samples of a step'] == '2'
    assert card.metres_per_unit > 0
    assert network.training is False


def test_the_folder_of_a_run_tells_how_to_make_it_again(whole: Path) -> None:
    assert load_experiment(whole.parent / 'experiment.yaml') == TINY
    (start,) = json.loads((whole.parent / 'run.json').read_text())
    assert start['seed'] == 0 and start['packages']['torch'] == torch.__version__
    assert steps_in(whole.parent) == [5]
    events = EventAccumulator(str(whole.parent / 'tensorboard')).Reload().Tags()
    assert 'loss' in events['scalars'] and 'reconstruction' in events['images']


def test_an_interrupted_run_resumed_equals_the_whole_one(
    whole: Path, cache: Path, tmp_path: Path
) -> None:
    half = fit(TINY, tmp_path, until=4, cache=cache)
    assert not half.exists()
    assert_equal(whole, fit(TINY, tmp_path, resume=True, cache=cache))
    assert steps_in(tmp_path) == [5]


def test_resuming_is_exact_with_accumulation_workers_stages_and_epochs(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 triplets make 2 steps of 2 batches an epoch; the interruption falls into the 2nd."""
    monkeypatch.setenv('OMP_NUM_THREADS', '1')  # else workers take some of the threads
    experiment = tiny(
        epochs=3, joint_from=2, restart=True, schedule='step', accumulate=2, save_every=1
    )
    first = fit(experiment, tmp_path / 'whole', cache=cache)
    assert load_model(first)[1].details['steps'] == '6'
    fit(experiment, tmp_path / 'half', until=3, cache=cache)
    experiment = replace(experiment, data=replace(experiment.data, workers=1))
    assert_equal(first, fit(experiment, tmp_path / 'half', resume=True, cache=cache))


def test_accumulated_batches_are_one_step(cache: Path, tmp_path: Path) -> None:
    """More batches in a step are another run, not the same one in more steps."""
    path = fit(tiny(steps=2, accumulate=3), tmp_path, cache=cache)
    state = torch.load(tmp_path / 'last.ckpt', weights_only=True)
    assert state['global_step'] == 2 and load_model(path)[1].details['samples of a step'] == '6'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_and_saves(
    number: int, whole: Path, cache: Path, tmp_path: Path, monkeypatch
) -> None:
    """Nothing that was learned is lost, though no checkpoint was due."""
    experiment, step = tiny(save_every=1000), Loop._step

    def interrupt(self: Loop, *rest: object) -> None:
        if self.done == 2:
            os.kill(os.getpid(), number)
        step(self, *rest)

    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(Loop, '_step', interrupt)
        with pytest.raises(MdepthError, match='interrupted at step 3, saved') as caught:
            fit(experiment, tmp_path, cache=cache)
    assert '\n' not in str(caught.value) and signal.getsignal(number) is before
    assert_equal(whole, fit(experiment, tmp_path, resume=True, cache=cache))


def test_a_time_limit_stops_with_a_checkpoint(cache: Path, tmp_path: Path) -> None:
    assert not fit(TINY, tmp_path, minutes=0, cache=cache).exists()
    assert torch.load(tmp_path / 'last.ckpt', weights_only=True)['global_step'] == 1


def test_a_finished_folder_is_not_overwritten(whole: Path) -> None:
    with pytest.raises(MdepthError, match='add --resume'):
        fit(TINY, whole.parent)


@pytest.mark.parametrize(
    ('other', 'named'),
    [
        (
            replace(TINY, network=replace(TINY.network, width=0.25)),
            r'network\.width=0\.125, not 0',
        ),
        (tiny(learning_rate=1e-5), r'training\.learning_rate=0\.001, not 1e-05'),
        (tiny(seed=7), r'training\.seed=0, not 7'),
    ],
)
def test_other_settings_do_not_resume(whole: Path, other: Experiment, named: str) -> None:
    """The optimiser would go on with the old ones, and experiment.yaml would tell the new."""
    with pytest.raises(MdepthError, match=f'begun with {named}'):
        fit(other, whole.parent, resume=True)


def test_what_changes_nothing_may_change(cache: Path, tmp_path: Path) -> None:
    fit(tiny(steps=3), tmp_path, until=1, cache=cache)
    path = fit(tiny(steps=3, save_every=1, images_every=0), tmp_path, resume=True, cache=cache)
    assert path.exists()


def test_damaged_small_files_do_not_end_a_run(whole: Path, cache: Path, tmp_path: Path) -> None:
    fit(TINY, tmp_path, until=4, cache=cache)
    for name in ('run.json', 'experiment.yaml'):
        (tmp_path / name).write_text('')
    with (tmp_path / 'metrics.csv').open('a') as file:
        file.write('3,0.3,0.0')
    assert_equal(whole, fit(TINY, tmp_path, resume=True, cache=cache))
    assert steps_in(tmp_path) == [5]
    (tmp_path / 'last.ckpt').write_bytes((tmp_path / 'last.ckpt').read_bytes()[:-1000])
    with pytest.raises(MdepthError, match=r'last\.ckpt is cut off or damaged'):
        fit(TINY, tmp_path, resume=True, cache=cache)


def test_the_model_is_there_when_all_of_it_is_known(
    whole: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the metres are being measured leaves no model without them."""

    def pressed(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr('mdepth_training.fit.metres_per_unit', pressed)
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, tmp_path, cache=cache)
    assert not list(tmp_path.glob('*.safetensors'))
    monkeypatch.undo()
    path = fit(TINY, tmp_path, resume=True, cache=cache)
    assert_equal(whole, path)
    card, expected = load_model(path)[1], load_model(whole)[1]
    assert card.metres_per_unit == expected.metres_per_unit
    assert card.details['began with'] == 'chance'  # as the first start said


def test_a_run_begins_with_the_weights_of_another(
    whole: Path, cache: Path, tmp_path: Path
) -> None:
    experiment = tiny(steps=1, learning_rate=1e-9, initial=str(whole))
    path = fit(experiment, tmp_path, cache=cache)
    weights = [load_model(p)[0].depth_decoder.fuse[0].weight for p in (whole, path)]
    torch.testing.assert_close(*weights)
    card = load_model(path)[1]
    assert card.details['began with'] == 'tiny.safetensors' and card.licence == 'Apache-2.0'
    other = tmp_path / 'other.safetensors'
    replace_card(whole, replace(load_model(whole)[1], licence='research'), other)
    bound = tiny(steps=2, save_every=1, initial=str(other))
    fit(bound, tmp_path / 'bound', until=1, cache=cache)
    other.unlink()
    path = fit(bound, tmp_path / 'bound', resume=True, cache=cache)
    assert load_model(path)[1].licence == 'Apache-2.0 and research'


def test_weights_that_do_not_fit_are_refused_before_anything_is_rendered(
    whole: Path, tmp_path: Path
) -> None:
    other = replace(tiny(initial=str(whole)), network=replace(TINY.network, encoder='resnet34'))
    with pytest.raises(MdepthError, match=r'network\.encoder'):
        fit(other, tmp_path / 'run', cache=tmp_path / 'cache')
    assert not list(tmp_path.rglob('drives-*'))


def test_what_a_process_of_the_loader_complains_of_is_one_line(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> Sample:
        raise MdepthError('100 triplets in a row cannot be read: is the disk there?')

    monkeypatch.setattr(SyntheticTriplets, 'batch', unreadable)
    experiment = replace(TINY, data=replace(TINY.data, workers=1))
    with pytest.raises(MdepthError) as caught:
        fit(experiment, tmp_path, cache=cache)
    assert str(caught.value) == '100 triplets in a row cannot be read: is the disk there?'


def test_a_full_disk_is_one_line_and_keeps_the_last_checkpoint(
    cache: Path, tmp_path: Path, monkeypatch
) -> None:
    def refuse(_fabric: Fabric, path: Path, _state: object) -> None:
        path.write_bytes(b'half')
        raise OSError(errno.ENOSPC, 'No space left on device')

    fit(TINY, tmp_path, until=2, cache=cache)
    kept = (tmp_path / 'last.ckpt').read_bytes()
    monkeypatch.setattr(Fabric, 'save', refuse)
    with pytest.raises(MdepthError, match='not saved at step 4, No space left') as caught:
        fit(TINY, tmp_path, resume=True, cache=cache)
    assert '\n' not in str(caught.value)
    assert (tmp_path / 'last.ckpt').read_bytes() == kept
    assert not (tmp_path / 'last.partial').exists()


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_batch(
    cache: Path, tmp_path: Path, monkeypatch
) -> None:
    good = SyntheticTriplets.batch

    def broken(self: SyntheticTriplets, indices: list[int]) -> object:
        sample = good(self, indices)
        if 5 in indices:
            sample.K[indices.index(5), 0, 0] = torch.nan
        return sample

    monkeypatch.setattr(SyntheticTriplets, 'batch', broken)
    with pytest.raises(MdepthError, match='not finite at step') as caught:
        fit(TINY, tmp_path, cache=cache)
    assert '\n' not in str(caught.value)
    (path,) = tmp_path.glob('not-finite-batch-*.safetensors')
    batch = load_file(path)
    assert batch['K'].isnan().sum() == 1 and batch['current'].dtype == torch.uint8
    number = int(path.stem.split('-')[3])
    assert f'at step {number};' in str(caught.value) and number < 4  # in the first epoch
    if (tmp_path / 'last.ckpt').exists():
        saved = torch.load(tmp_path / 'last.ckpt', weights_only=True)
        assert saved['global_step'] <= number
        assert all(value.isfinite().all() for value in saved['state_dict'].values())


def test_two_runs_are_equal_and_the_validation_loss_is_logged_and_changes_nothing(
    whole: Path, cache: Path, tmp_path: Path, monkeypatch
) -> None:
    others = replace(TINY.data.synthetic, first_seed=50)
    held_out = replace(TINY, data=replace(TINY.data, synthetic=others))
    source = SyntheticTriplets(held_out, cache)
    monkeypatch.setattr('mdepth_training.fit.open_validation', lambda *_: source)
    path = fit(tiny(validate_every=3), tmp_path, cache=cache)
    assert_equal(whole, path)
    with (tmp_path / 'metrics.csv').open() as file:
        measured = {r['step']: r['validation_loss'] for r in csv.DictReader(file)}
    assert [step for step, value in measured.items() if value] == ['3', '6']
    assert all(0 < float(value) < 1 for value in measured.values() if value)


class StereoTriplets(SyntheticTriplets):
    """The same frames with a second camera that sees what they see."""

    def batch(self, indices: list[int]) -> Sample:
        sample = super().batch(indices)
        T = torch.eye(4).repeat(len(indices), 1, 1)
        T[:, 0, 3] = -0.54
        return replace(sample, stereo=sample.following, T_stereo_current=T)


@pytest.mark.parametrize('sources', ['S', 'MS'])
def test_the_baseline_of_a_stereo_pair_sets_the_unit(
    sources: str, cache: Path, tmp_path: Path, monkeypatch
) -> None:
    source = StereoTriplets(TINY, cache)
    monkeypatch.setattr('mdepth_training.fit.open_source', lambda *_: source)
    path = fit(tiny(steps=3, sources=sources, metres_per_unit=5.4), tmp_path)
    card = load_model(path)[1]
    assert card.metres_per_unit == 5.4 and 'stereo pairs' in card.method


def test_a_mix_is_learned_resumed_and_validated_by_source(
    cache: Path, grey_drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the unit is measured on the rendered drives
    monkeypatch.setenv('OMP_NUM_THREADS', '1')  # else workers take some of the threads
    drive = (str(grey_drive),)
    recorded = MixedSource(recordings=drive, validation=drive, weight=0.6)
    rendered = MixedSource(synthetic=TINY.data.synthetic, weight=0.4)
    data = replace(TINY.data, sources=(recorded, rendered))
    experiment = replace(tiny(steps=9, save_every=1, validate_every=4), data=data)
    whole = fit(experiment, tmp_path / 'whole', cache=cache)
    fit(experiment, tmp_path / 'half', until=5, cache=cache)  # within an epoch of 7 steps
    experiment = replace(experiment, data=replace(data, workers=1))
    assert_equal(whole, fit(experiment, tmp_path / 'half', resume=True, cache=cache))
    card = load_model(whole)[1]
    assert '60% of' in card.data and '40% of synthetic world' in card.data
    assert card.metres_per_unit and card.licence == 'as that of the recordings'
    assert card.camera == TINY.camera
    with (tmp_path / 'whole' / 'metrics.csv').open() as file:
        rows = [row for row in csv.DictReader(file) if row['validation_loss']]
    assert [row['step'] for row in rows] == ['4', '8']
    assert all(row['validation_loss'] == row['validation_loss_recordings'] for row in rows)


def test_clipped_gradients_and_a_new_optimiser_at_a_stage(cache: Path, tmp_path: Path) -> None:
    def moments(name: str, **settings: object) -> tuple[float, int]:
        fit(
            tiny(steps=4, joint_from=2, weight_decay=0.0, **settings), tmp_path / name, cache=cache
        )
        (state,) = torch.load(tmp_path / name / 'last.ckpt', weights_only=True)['optimizer_states']
        steps = {int(each['step']) for each in state['state'].values()}
        means = torch.cat([each['exp_avg'].flatten() for each in state['state'].values()])
        return means.norm().item(), max(steps)

    norm, steps = moments('usual')
    assert steps == 4 and moments('new', new_optimiser=True)[1] == 2
    clipped, steps = moments('clipped', clip=norm / 100)
    assert steps == 4 and 0 < clipped < norm / 50


def test_float16_needs_a_gpu(cache: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip('here is a GPU')
    with pytest.raises(MdepthError, match='fp16 is for a GPU'):
        fit(tiny(precision='fp16'), tmp_path, cache=cache)
