# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command `mdepth-train suite`: several models on the same held-out recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.terminal import Console, say


def suite(
    file: Annotated[Path, typer.Argument(metavar='FILE', help='The recordings, a YAML file.')],
    models: Annotated[list[Path], typer.Argument(metavar='MODEL...', help='Model files.')],
    output: Annotated[
        Path | None, typer.Option('--output', '-o', help='Folder for suite.md and suite.csv.')
    ] = None,
    precision: Annotated[str, typer.Option(help='auto, fp32, bf16 or fp16.')] = 'auto',
) -> None:
    """Score several models on the recordings of a suite, in one table.

    True depth: AbsRel with the cues of the pair and from one image. True poses: the motion as the
    vehicle has it. Neither: how well a model explains the images, and agrees with itself in time.

    Example: mdepth-train suite training/configs/suites/held-out.yaml
    models/road-nano.safetensors runs/own/own-drives.safetensors -o scores
    """
    from mdepth_ros.model.file import read_card
    from mdepth_training.evaluation.picture_commands import names_of
    from mdepth_training.evaluation.report import markdown_of, print_table, write_csv
    from mdepth_training.evaluation.suite import as_rows, read_suite, score_suite, table, with_mean

    recordings = read_suite(file)
    for model in models:
        read_card(model)  # what is no model is said before minutes of scoring
    named = list(zip(names_of(models), models, strict=True))
    numbers = with_mean(list(score_suite(named, recordings, precision)))
    shown = table(
        numbers, [name for name, _ in named], f'{file.stem}: {len(recordings)} recordings'
    )
    print_table(shown, Console(highlight=False))
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / 'suite.md').write_text('\n'.join(markdown_of(shown)), encoding='utf-8')
        write_csv(output / 'suite.csv', as_rows(numbers))
        say(f'written: {output / "suite.md"} and suite.csv')
