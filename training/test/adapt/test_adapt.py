# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth-train adapt`: one command, what it leaves, and what it says of wrong input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from mdepth_training.adapt import adapt as flow
from mdepth_training.adapt import plan
from mdepth_training.adapt.judge import Change, Verdict
from mdepth_training.adapt.plan import Request, check_output, digest, with_length
from mdepth_training.cli import app
from mdepth_training.config import Experiment, load_experiment
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import read_card

from .conftest import write_drive

WORSE = Verdict([Change('photometric error', 0.1, 0.2, 0, 5)], 0.5)
BETTER = Verdict([Change('photometric error', 0.2, 0.1, 5, 5)], 0.5)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch, no_unit: None) -> None:
    """Three steps, few drives of the world, no calibration."""
    whole = plan.experiment_of

    def small(*given: object) -> Experiment:
        experiment = whole(*given)  # type: ignore[arg-type]
        real, world = experiment.data.sources
        world = replace(world, synthetic=replace(world.synthetic, drives=2, frames=6))
        data = replace(experiment.data, sources=(real, world), workers=0)
        return replace(
            experiment,
            data=data,
            training=replace(experiment.training, batch_size=2, save_every=1),
        )

    monkeypatch.setattr(flow, 'experiment_of', small)
    monkeypatch.setattr(flow, 'seconds_per_step', lambda *_: 10.0)
    monkeypatch.setattr(plan, 'AT_THE_END', 0)
    monkeypatch.setattr(plan, 'STEPS_AT_THE_END', 0)
    monkeypatch.setattr(plan, 'STEPS_OF_AN_IMAGE', 0)
    monkeypatch.setattr(plan, 'FEWEST_STEPS', 1)
    monkeypatch.setattr(flow, 'CALIBRATED', range(1))
    monkeypatch.setattr(flow, 'CALIBRATED_FRAMES', 3)


def run(drive: Path, model: Path, out: Path, *more: str) -> str:
    words = ['adapt', str(drive), '-m', str(model), '-o', str(out), '--minutes', '0.6', *more]
    result = CliRunner().invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_better_is_put_in_place(
    tiny: Path, drive: Path, tmp_path: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / 'out'
    monkeypatch.setattr(flow, 'judge', lambda *_: BETTER)
    said = ''.join(run(drive, tiny, out, '--licence', 'CC BY 4.0').split('\n'))
    line = f'ros2 launch mdepth_ros mdepth.launch.py model:={out / "adapted.safetensors"}'
    assert 'it got better' in said and line in said
    page = (out / 'report.md').read_text()
    assert '**It got better' in page and line in page
    assert (out / 'pictures' / 'before-after.png').is_file() and 'before-after.png)' in page
    assert '60 images, the last 6 held out' in page and '5 of 5' in page
    steps = load_experiment(out / 'run' / 'experiment.yaml').training.steps
    assert 1 <= steps <= 3  # of 10 s in 0.6 minutes
    card = read_card(out / 'adapted.safetensors')
    assert card.licence == 'CC BY 4.0 and Apache-2.0' and card.name == 'tiny-adapted'
    assert card.metres_per_unit == 5.0  # measured anew
    assert card.details['adapted to'] == 'monday' and '60% of' in card.data
    # Again: nothing is learned, the same is said.
    monkeypatch.setattr(flow, 'fit', None)
    assert 'finished already' in run(drive, tiny, out, '--licence', 'CC BY 4.0')


def test_worse_is_not_put_in_place_and_an_interrupted_run_goes_on(
    tiny: Path, drive: Path, tmp_path: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, learn = tmp_path / 'out', flow.fit

    def interrupted(*given: object, **options: object) -> Path:
        learn(*given, **options, until=1)  # type: ignore[arg-type]
        raise MdepthError('interrupted at step 1, saved: go on with --resume')

    monkeypatch.setattr(flow, 'fit', interrupted)
    with pytest.raises(MdepthError, match='go on with the same command'):
        run(drive, tiny, out)
    monkeypatch.setattr(flow, 'fit', learn)
    monkeypatch.setattr(flow, 'seconds_per_step', None)  # the length stays as it was
    monkeypatch.setattr(flow, 'judge', lambda *_: WORSE)
    said = run(drive, tiny, out)
    assert 'it did not get better' in said and 'launch' not in said
    assert not (out / 'adapted.safetensors').exists()
    assert '**It did not get better' in (out / 'report.md').read_text()
    starts = json.loads((out / 'run' / 'run.json').read_text())
    assert [start['resumed'] for start in starts] == [False, True]


def test_wrong_input_is_one_line_and_makes_nothing(
    tiny: Path, drive: Path, tmp_path: Path
) -> None:
    out = tmp_path / 'out'
    with pytest.raises(MdepthError, match=r'no such recording: '):
        run(tmp_path / 'nowhere', tiny, out)
    assert not out.exists()
    standing = write_drive(tmp_path / 'standing', step=0)
    with pytest.raises(MdepthError, match='of a standing camera'):
        run(standing, tiny, out)
    assert not (out / 'adapt.json').exists()
    with pytest.raises(MdepthError, match=r'no\.safetensors: No such file'):
        run(drive, tmp_path / 'no.safetensors', tmp_path / 'other')
    assert not (tmp_path / 'other').exists()
    mine = tmp_path / 'mine'
    mine.mkdir()
    (mine / 'thesis.tex').write_text('all of it')
    with pytest.raises(MdepthError, match=r'has thesis\.tex, which adapt did not make'):
        run(drive, tiny, mine)
    assert (mine / 'thesis.tex').read_text() == 'all of it'


def test_another_request_needs_another_folder(tmp_path: Path, tiny: Path) -> None:
    first = Request(('/a',), digest(tiny), 30.0)
    plan.keep(tmp_path, first)
    assert 'request' in check_output(tmp_path, first)
    check_output(tmp_path, replace(first, minutes=5.0))  # no length is fixed yet
    (tmp_path / plan.RUN).mkdir()
    (tmp_path / plan.RUN / 'experiment.yaml').write_text('')
    for other, said in (
        (replace(first, recordings=('/b',)), 'recordings /a, not /b'),
        (replace(first, minutes=5.0), r'minutes 30\.0, not 5\.0'),
        (replace(first, model='x'), 'another model'),
    ):
        with pytest.raises(MdepthError, match=said):
            check_output(tmp_path, other)
    (tmp_path / plan.PLAN).write_text('{')
    with pytest.raises(MdepthError, match='damaged'):
        check_output(tmp_path, first)


def test_the_length_fits_the_time() -> None:
    training = with_length(Experiment(), 1130.0, 0.5, 40).training
    assert training.steps == 2000 and training.warm_up == 200  # 30 s and 200 steps are for the end
    assert training.learning_rate == 5e-4
    halfway = with_length(Experiment(), 505.0, 0.5, 40).training
    assert halfway.steps == 750 and halfway.learning_rate == pytest.approx(3e-4)
    with pytest.raises(MdepthError, match=r'time for 18 steps of 1 s.* give 1 minutes more'):
        with_length(Experiment(), 230.0, 1.0, 4)
    with pytest.raises(MdepthError, match='time for 0 steps'):
        with_length(Experiment(), -5.0, 5.0, 4)
