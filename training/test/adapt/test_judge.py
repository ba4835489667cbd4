# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What counts as better, and that truth does not."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from mdepth_training.adapt.judge import Change, Verdict, changes, judge
from mdepth_training.adapt.page import sentence
from mdepth_training.adapt.recordings import HELD_OUT, prepare
from mdepth_training.data.extract_drive import Options
from mdepth_training.evaluation.unlabelled import PairScore


def pairs(*errors: float, disagreement: float = 0.2) -> list[PairScore]:
    return [PairScore('d', n, error, 0.5, disagreement) for n, error in enumerate(errors)]


def test_both_must_fall_and_not_by_a_few_images() -> None:
    before = pairs(0.3, 0.3, 0.3)
    photometric, disagreement = changes(before, pairs(0.2, 0.2, 0.4, disagreement=0.1))
    assert photometric.better and (photometric.fell, photometric.pairs) == (2, 3)
    assert (photometric.before, photometric.after) == pytest.approx((0.3, 0.8 / 3))
    assert disagreement.better and disagreement.after == pytest.approx(0.1)
    assert Verdict([photometric, disagreement], 0.5).better
    one_image, same = changes(before, pairs(0.01, 0.31, 0.31))
    assert one_image.after < one_image.before and not one_image.better
    assert not same.better and not Verdict([photometric, same], 0.5).better


def test_unknown_pairs_do_not_count_and_none_is_not_better() -> None:
    photometric, _ = changes(pairs(0.3, math.nan, 0.3), pairs(0.2, 0.1, math.nan))
    assert (photometric.pairs, photometric.after) == (1, 0.2)
    nothing, _ = changes(pairs(math.nan), pairs(0.1))
    assert nothing.pairs == 0 and not nothing.better


def test_truth_decides_nothing_and_the_sentence_names_what_did() -> None:
    good, bad = Change('photometric error', 2, 1, 3, 3), Change('disagreement', 1, 2, 0, 3)
    wrong = [Change('AbsRel of the depth', 0.1, 0.9)]
    assert Verdict([good], 0.5, wrong).better
    assert not Verdict([good, bad], 0.5, [Change('AbsRel of the depth', 0.9, 0.1)]).better
    assert 'in place' in sentence(Verdict([good], 0.5))
    assert 'the disagreement did not fall in the mean' in sentence(Verdict([good, bad], 0.5))


def test_what_was_forgotten_is_said_and_decides_nothing() -> None:
    good = Change('photometric error', 2, 1, 3, 3)
    lost = Verdict([good], 0.5, world=[Change('AbsRel of the depth', 0.2, 0.22)])
    assert lost.better and lost.forgot
    assert not Verdict([good], 0.5, world=[Change('AbsRel of the depth', 0.2, 0.205)]).forgot


def test_a_model_is_not_better_than_itself(
    tiny: Path, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('mdepth_training.adapt.judge.SEEDS', range(1))
    monkeypatch.setattr('mdepth_training.adapt.judge.FRAMES', 3)
    prepare([drive], tmp_path / 'out', Options(input_size=(64, 96)))
    verdict = judge(tiny, tiny, [tmp_path / 'out' / HELD_OUT / 'monday'])
    assert not verdict.better
    assert all(c.before == c.after and (c.fell, c.pairs) == (0, 5) for c in verdict.changes)
    assert verdict.world[0].name == 'AbsRel of the depth' and not verdict.forgot
    assert {'turn, deg a pair', 'way, %'} <= {change.name for change in verdict.truth}
