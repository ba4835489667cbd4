# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `mdepth bench --live` prints of its numbers, beside what is wanted."""

from __future__ import annotations

from typing import Any

from mdepth_ros.cli.bench_live import HEIGHT, RATE, WIDTH

LARGEST_P99, LARGEST_OWN = 100.0, 5.0  # ms
# In the order of time; a part of a stage stands below it, further in.
STAGES = {
    'wait': 0, 'decode': 0,
    'step': 0, 'pairing': 1, 'estimator': 1, 'sample': 2, 'network': 2, 'refine': 2, 'post': 2,
    'scale': 1, 'odometry': 1,
    'publish': 0, 'latency': 0,
}  # fmt: skip


def print_live(console: Any, numbers: dict[str, Any]) -> None:
    """Print what `measure_live` returned."""
    from rich.table import Table
    from rich.text import Text

    stages, age = numbers['stages_ms'], numbers['age_ms']
    table = Table(
        title=f'live node, {WIDTH}x{HEIGHT} at {RATE:g} Hz for {numbers["seconds"]:g} s, '
        'all outputs subscribed',
        title_justify='left',
    )
    for heading in ('', 'median', 'p99', 'max'):
        table.add_column(heading, justify='right' if heading else 'left')
    for label, values in (
        ('image stamp to depth published, ms', age),
        ('image stamp to depth arrived, ms', numbers['arrival_ms']),
    ):
        table.add_row(label, *(f'{values[key]:.1f}' for key in ('median', 'p99', 'max')))
    known = [name for name in STAGES if name in stages]
    for name in [*known, *(name for name in stages if name not in STAGES)]:
        indent = '  ' * (1 + STAGES.get(name, 0))
        table.add_row(f'{indent}{name}, ms', f'{stages[name]:.1f}', '', '')
    console.print(table)
    before, after = numbers['memory_mb']
    sent, dropped = numbers['sent'], numbers['dropped']
    console.print(f'{numbers["depths"]} depth images of {sent} images, {dropped} dropped')
    console.print(f'memory of the node: {before:.0f} MB, at the end {after:.0f} MB')
    console.print(', '.join(f'{name} {count}' for name, count in numbers['outputs'].items()))
    if not {'step', 'decode', 'publish'} <= stages.keys():
        console.print('the node gave no diagnostics in this time: measure longer')
        return
    targets = Table(title='targets', title_justify='left')
    for heading in ('', 'measured', 'at most', ''):
        targets.add_column(heading, justify='right' if heading else 'left')
    for label, value, most, unit in targets_of(numbers):
        verdict = Text('pass', 'green') if value <= most else Text('miss', 'red')
        targets.add_row(label, f'{value:.1f} {unit}', f'{most:.1f} {unit}', verdict)
    console.print(targets)


def targets_of(numbers: dict[str, Any]) -> list[tuple[str, float, float, str]]:
    """(what, measured, at most, unit) of what `measure_live` returned with stages.

    With a step that is longer than the period of the images, each waits for the step at hand, and
    then for its own: no age is above two steps.
    """
    stages, age = numbers['stages_ms'], numbers['age_ms']
    step = stages['step']
    if step > 1e3 / RATE:
        return [
            ('depth images older than 2 steps', 100 * numbers['late'], 0.0, '%'),
            ('age, p99: 2 steps', age['p99'], 2 * step, 'ms'),
            ('age, max: 2 steps', age['max'], 2 * step, 'ms'),
        ]
    own = stages['decode'] + stages['publish']
    return [
        ('age, median: 1.5 steps + 10 ms', age['median'], 1.5 * step + 10, 'ms'),
        ('age, p99', age['p99'], LARGEST_P99, 'ms'),
        ("the node's own share: decode, messages, publish", own, LARGEST_OWN, 'ms'),
    ]
