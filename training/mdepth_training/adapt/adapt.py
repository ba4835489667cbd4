# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From recordings to a model that is in place only where it got better, and a page that shows it.

OUT/adapt.json            what was asked for, the experiment's length, what became of it
OUT/data, OUT/held-out    see `recordings`
OUT/run                   the run, as `fit` leaves it, with the model whether it is better or not
OUT/report.md, pictures/  see `page`
OUT/adapted.safetensors   the model, if it got better
"""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.calibration import calibrate, synthetic_pairs
from mdepth_ros.model.file import ModelCard, load_model, read_card, replace_card
from mdepth_ros.terminal import say
from mdepth_training.adapt.judge import MOST, judge
from mdepth_training.adapt.page import FORGOT, write_page
from mdepth_training.adapt.plan import (
    CACHE,
    RUN,
    Request,
    check_output,
    experiment_of,
    keep,
    seconds_per_step,
    with_length,
)
from mdepth_training.adapt.recordings import HELD_OUT, AdaptDrive, prepare
from mdepth_training.config import Experiment, load_experiment, save_experiment
from mdepth_training.data.extract_drive import Options
from mdepth_training.fit import fit
from mdepth_training.run_folder import CHECKPOINT, only_writer

ADAPTED, REPORT = 'adapted.safetensors', 'report.md'
OWN_LICENCE = "learned from the user's recordings"
CALIBRATED = range(40_000, 40_008)
"""Seeds of the synthetic drives that tell how wrong motion and scale are; `mdepth calibrate` has
them too, and more.
"""
CALIBRATED_FRAMES = 40


def adapt(model: Path, output: Path, request: Request) -> bool:
    """Adapt, judge, and put the model in place where it got better; return whether it did.

    The same call goes on where the last one stopped. Raises MdepthError for what a user can mend.
    """
    began = time.monotonic()
    for recording in request.recordings:
        if not Path(recording).exists():
            raise MdepthError(f'no such recording: {recording}')
    with only_writer(output):
        return _adapt(model, output, request, began)


def _adapt(model: Path, output: Path, request: Request, began: float) -> bool:
    card, kept = read_card(model), check_output(output, request)
    if 'better' in kept:
        say(f'finished already: {output / REPORT}')
        return _end(output, bool(kept['better']), bool(kept.get('forgot')), kept.get('topic'))
    drives, failures = prepare(
        list(map(Path, request.recordings)), output, _options(request, card)
    )
    keep(output, request)
    experiment = _experiment(model, card, output, drives, request, began)
    adapted = _learn(experiment, output)
    folders = [output / HELD_OUT / drive.name for drive in drives]
    verdict = judge(model, adapted, folders)
    topic = drives[0].topic if len({drive.topic for drive in drives}) == 1 else None
    notes = _finish_card(adapted, card, request, drives) if verdict.better else []
    write_page(
        output / REPORT,
        (model, adapted),
        folders,
        verdict,
        [
            *(f'{d.name}: {d.images} images, the last {d.held_out} held out' for d in drives),
            *(f'left out: {line}' for line in failures),
            f'{experiment.training.steps} steps of {experiment.training.batch_size} samples; '
            f'learned from {read_card(adapted).data}',
            *notes,
        ],
        launch_line(output / ADAPTED, topic) if verdict.better else '',
    )
    if verdict.better:
        replace_card(adapted, read_card(adapted), output / ADAPTED)
    keep(output, request, better=verdict.better, forgot=verdict.forgot, topic=topic)
    say(f'written: {output / REPORT}')
    return _end(output, verdict.better, verdict.forgot, topic)


def launch_line(model: Path, topic: str | None) -> str:
    """The command that drives with a model."""
    image = f' image:={shlex.quote(topic)}' if topic else ''
    model = model.absolute()
    return f'ros2 launch mdepth_ros mdepth.launch.py model:={shlex.quote(str(model))}{image}'


def _end(output: Path, better: bool, forgot: bool, topic: str | None) -> bool:
    if better:
        say(f'it got better: {output / ADAPTED}')
        if forgot:
            say(FORGOT)
        say(launch_line(output / ADAPTED, topic))
    else:
        say('it did not get better: stay with the model as it was; the page says how far it came')
    return better


def _options(request: Request, card: ModelCard) -> Options:
    return Options(
        input_size=card.input_size,
        frame_interval=card.frame_interval,
        topic=request.topic,
        intrinsics=request.intrinsics,
        rectified=request.rectified,
        rate=request.rate,
        mask=request.mask,
    )


def _experiment(
    model: Path,
    card: ModelCard,
    output: Path,
    drives: Sequence[AdaptDrive],
    request: Request,
    began: float,
) -> Experiment:
    """That of the run that was begun, else one that ends within the time."""
    file = output / RUN / 'experiment.yaml'
    if file.exists():
        return load_experiment(file)
    name = f'{card.name}-adapted'
    experiment = experiment_of(name, card, model, output, drives, request.minutes)
    per_step = seconds_per_step(experiment, output / CACHE)
    left = 60 * request.minutes - (time.monotonic() - began)
    images = min(sum(drive.held_out for drive in drives), MOST)
    experiment = with_length(experiment, left, per_step, images)
    say(f'{experiment.training.steps} steps of {per_step:.2g} s')
    file.parent.mkdir(exist_ok=True)
    save_experiment(experiment, file)
    return experiment


def _learn(experiment: Experiment, output: Path) -> Path:
    """The model at the end of the run; what was learned before stays."""
    run = output / RUN
    model = run / f'{experiment.name}.safetensors'
    if model.exists():
        return model
    resume = (run / CHECKPOINT).exists()
    try:
        return fit(experiment, run, resume=resume, cache=output / CACHE)
    except MdepthError as error:
        raise MdepthError(str(error).replace('--resume', 'the same command')) from None


def _finish_card(
    adapted: Path, initial: ModelCard, request: Request, drives: Sequence[AdaptDrive]
) -> list[str]:
    """Write licence and calibration into the card of the run's model; return lines for the page.

    The unit was measured on the synthetic drives that were learned from. What it moved by is
    added to the spread of the initial model: nobody knows whether it moved with the world.
    """
    network, card = load_model(adapted)
    licence = ' and '.join(dict.fromkeys(filter(None, (request.licence, initial.licence))))
    if not request.licence:
        licence = ', '.join(filter(None, (licence, OWN_LICENCE)))
    details: dict[str, Any] = {**card.details, 'adapted to': ', '.join(d.name for d in drives)}
    spread, lines = 0.0, []
    if card.metres_per_unit is not None and initial.metres_per_unit is not None:
        moved = math.log(card.metres_per_unit / initial.metres_per_unit)
        spread = math.hypot(initial.scale_spread, moved)
        lines.append(
            f'metres per unit: {card.metres_per_unit:.2f} on synthetic drives, before '
            f'{initial.metres_per_unit:.2f}'
        )
    entries: dict[str, float] = {}
    try:
        pairs = list(synthetic_pairs(Estimator(network, card), CALIBRATED, CALIBRATED_FRAMES, 1.0))
        found = calibrate(pairs)
    except MdepthError as error:
        lines.append(f'covariances are not calibrated: {error}')
    else:
        entries = found.entries(card.metres_per_unit, spread)
        details['calibrated on'] = (
            f'{len(CALIBRATED)} synthetic drives of {CALIBRATED_FRAMES} frames, appearance 1; '
            f'{found.pairs} pairs; the spread of the scale is that of the model before at least'
        )
    card = replace(card, licence=licence, calibration=entries, details=details)
    lines.append(f'spread of the scale from drive to drive: {card.scale_spread:.0%}')
    lines.append(f'licence: {licence}')
    replace_card(adapted, card)
    return lines
