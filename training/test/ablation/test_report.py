# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Means, spreads and verdicts against numbers worked out by hand."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from mdepth_training.ablation.plan import Run
from mdepth_training.ablation.report import (
    METRICS,
    difference,
    sentence,
    table,
    write_report,
)
from mdepth_training.config import Experiment

ABS_REL, D1 = METRICS[:2]


def results(**variants: list[float]) -> dict[tuple[str, int], dict[str, float]]:
    return {
        (name, seed): {'abs_rel': value, 'd1': 1 - value}
        for name, values in variants.items()
        for seed, value in enumerate(values)
    }


def test_paired_difference_by_hand() -> None:
    found = difference(
        results(base=[0.20, 0.22, 0.24], new=[0.17, 0.20, 0.20]), 'new', 'base', 'abs_rel'
    )
    # Differences -0.03, -0.02, -0.04: mean -0.03, standard deviation 0.01.
    assert found is not None and found.seeds == 3
    assert found.mean == pytest.approx(-0.03) and found.spread == pytest.approx(0.01)
    assert found.relative == pytest.approx(-0.03 / 0.22)
    assert found.margin == pytest.approx(4.303 * 0.01 / math.sqrt(3))  # 0.0248
    assert found.shown and found.verdict(ABS_REL) == 'better'
    assert found.verdict(D1) == 'worse'  # of a metric whose larger values are better


def test_pairs_show_what_means_hide() -> None:
    """The seeds differ by far more than the variants, but every pair says the same."""
    found = difference(
        results(base=[0.1, 0.2, 0.3], new=[0.09, 0.189, 0.29]), 'new', 'base', 'abs_rel'
    )
    assert found is not None and found.verdict(ABS_REL) == 'better'


def test_a_spread_that_covers_the_mean_shows_nothing() -> None:
    found = difference(
        results(base=[0.2, 0.2, 0.2], new=[0.15, 0.19, 0.20]), 'new', 'base', 'abs_rel'
    )
    assert found is not None and found.mean == pytest.approx(-0.02)
    assert not found.shown and found.verdict(ABS_REL) == 'no difference shown'


def test_one_seed_shows_nothing_and_only_common_seeds_count() -> None:
    one = difference(results(base=[0.2, 0.3], new=[0.1]), 'new', 'base', 'abs_rel')
    assert one is not None and one.seeds == 1 and one.mean == pytest.approx(-0.1)
    assert not one.shown and 'one seed' in one.verdict(ABS_REL)
    assert difference(results(base=[0.2]), 'new', 'base', 'abs_rel') is None


def test_the_table_has_mean_and_deviation() -> None:
    lines = table(results(base=[0.20, 0.22, 0.24], new=[0.1], none=[]), ['base', 'new', 'none'])
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    assert cells[2][:5] == ['base', '3', '0.2200 ± 0.0200', '0.7800 ± 0.0200', '']
    assert cells[3][:4] == ['new', '1', '0.1000', '0.9000']
    assert cells[4][:3] == ['none', '0', '']
    assert len({len(line) for line in lines}) == 1 and len(cells[0]) == len(METRICS) + 2


def test_the_sentence_says_it_plainly() -> None:
    found = results(base=[0.20, 0.22, 0.24], new=[0.17, 0.20, 0.20], noisy=[0.1, 0.22, 0.3])
    text = sentence(found, 'new', 'base')
    assert 'AbsRel -0.0300 (-13.6 %)' in text and '-0.0548 to -0.0052: **better**' in text
    assert 'Better: d1 (+4 %).' in text
    text = sentence(found, 'noisy', 'base')
    assert '**no difference shown**' in text and 'No difference shown: d1.' in text


def test_report_and_csv_keep_every_value_and_name_what_is_missing(tmp_path: Path) -> None:
    runs = [
        Run(variant, seed, Experiment(), tmp_path / f'{variant}-seed{seed}', 'base')
        for seed in range(3)
        for variant in ('base', 'new')
    ]
    found = results(base=[0.20, 0.22, 0.24], new=[0.17])
    path = tmp_path / 'components.md'
    text = write_report(
        path, 'Ablation', ['a fact'], runs, found, {'new-seed1': 'the loss became nan'}
    )
    assert path.read_text() == text and '* a fact' in text
    assert '**new** against base' in text and '**base** against' not in text
    assert 'Not finished: new-seed2.' in text
    assert 'Failed: new-seed1: the loss became nan' in text
    with path.with_suffix('.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [(row['variant'], row['seed'], row['abs_rel']) for row in rows] == [
        ('base', '0', '0.2'), ('base', '1', '0.22'), ('base', '2', '0.24'), ('new', '0', '0.17')
    ]  # fmt: skip
