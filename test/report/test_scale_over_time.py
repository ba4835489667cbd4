# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scale of a run: its file and its place in the report."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from mdepth_ros.core.types import Scale
from mdepth_ros.errors import MdepthError
from mdepth_ros.report.evaluate import evaluate_run
from mdepth_ros.report.scale_over_time import ScaleFile, read_scale, scale_lines
from mdepth_ros.report.write import write_report

STATES = ['initialising', 'initialising', 'good', 'good', 'degraded']


def write(folder, stamps, value=4.0):
    with ScaleFile(folder) as file:
        for stamp, state in zip(stamps, itertools.cycle(STATES), strict=False):
            file.add(stamp, Scale(value, 0.2, state, ('height', 'speed'), 0.1))


def test_what_is_written_is_read_back(tmp_path):
    write(tmp_path, range(10**18, 10**18 + 5 * 10**8, 10**8))
    series = read_scale(tmp_path)
    assert series.stamps.tolist() == [10**18 + n * 10**8 for n in range(5)]
    assert set(series.values) == {4.0} and set(series.spreads) == {0.2}
    assert list(series.states) == STATES
    assert series.converged == pytest.approx(0.2)
    assert 'height+speed,0.100' in (tmp_path / 'scale.csv').read_text()


def test_a_scale_that_was_not_measured_has_no_file(tmp_path):
    with ScaleFile(tmp_path) as file:
        file.add(0, Scale(4.0, 0.0, 'fixed'))
        file.add(1, Scale(1.0, 0.0, 'none'))
    assert read_scale(tmp_path) is None and not list(tmp_path.iterdir())


def test_a_damaged_file(tmp_path):
    (tmp_path / 'scale.csv').write_text('stamp,spread\n1,2\n')
    with pytest.raises(MdepthError, match='damaged'):
        read_scale(tmp_path)


def test_the_report_compares_it_with_the_truth(world, tmp_path):
    world.record()
    run = world.run(factor=0.8)
    plain = evaluate_run(run)
    assert plain.scale is None
    stamps = [stamp for stamp, _, _ in plain.depth.frames]
    write(run, stamps)
    evaluation = evaluate_run(run)
    write_report(evaluation, tmp_path / 'report')
    text = (tmp_path / 'report' / 'report.md').read_text()
    # The truth is 1 / 0.8 as far: the scale is ln(0.8) too small.
    assert f'{100 * math.log(0.8):+.1f} % in the mean' in text
    assert (tmp_path / 'report' / 'scale.png').stat().st_size > 5000


def test_a_standing_vehicle_says_nothing_of_the_scale(world):
    world.record()
    world.run(factor=0.8)
    write(world.out, [1_700_000_000_000_000_000])
    evaluation = evaluate_run(world.out)
    standing = replace(evaluation.motion, scaled=replace(evaluation.motion.scaled, step_scale=0.0))
    for motion, said in ((evaluation.motion, True), (standing, False)):
        lines = scale_lines(evaluation.scale, evaluation.depth, motion)
        assert any('true motion' in line for line in lines) == said
