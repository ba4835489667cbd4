# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from mdepth_training.ablation.plan import plan

RECIPE = Path(__file__).resolve().parents[3] / 'configs' / 'recipes' / 'distil-small.yaml'


def test_each_row_has_one_part_more_and_the_last_has_all(tmp_path: Path) -> None:
    runs = plan(RECIPE, 'distillation', 1, tmp_path)
    assert [run.variant for run in runs] == [
        *('base', '+pseudo', '+forgetting', '+teacher', '+mask-filter')
    ]
    assert [run.against for run in runs] == ['base', *(run.variant for run in runs[:-1])]
    assert len({run.experiment.training.steps for run in runs}) == 1
    on = {
        run.variant: [
            (method.pseudo, method.forgetting, method.teacher, method.mask_filter)
            for stage in run.stages
            for method in [stage.settings.method]
            if stage.kind == 'fit'
        ]
        for run in runs
    }
    off = ('none',) * 4
    assert on['base'] == [off, off]
    assert on['+pseudo'] == [('disparity', *off[1:])] * 2
    assert on['+forgetting'][0] == ('disparity', 'exponential', 'none', 'none')
    assert on['+teacher'][1] == ('disparity', 'none', 'frozen', 'none')
    assert on['+mask-filter'] == [
        ('disparity', 'exponential', 'none', 'rule'),
        ('disparity', 'none', 'frozen', 'rule'),
    ]
