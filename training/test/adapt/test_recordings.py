# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The last tenth of a drive is in no folder that is learned from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mdepth_training.adapt.recordings import DATA, HELD_OUT, prepare, set_aside
from mdepth_training.data.extract_drive import Options
from mdepth_training.data.recordings import read_dataset
from mdepth_training.evaluation.extracted import open_folders
from typer.testing import CliRunner

from mdepth_ros.cli.main import app as mdepth
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.folder import read_folder

from .conftest import COUNT, write_drive

OPTIONS = Options(input_size=(64, 96))


def numbers(folder: Path) -> list[int]:
    return sorted(int(file.stem) for file in folder.iterdir() if file.stem.isdecimal())


def test_the_last_tenth_is_elsewhere(drive: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    (made,), failures = prepare([drive], out, OPTIONS)
    assert (made.name, made.images, made.held_out, failures) == ('monday', COUNT, 6, [])
    assert numbers(out / DATA / 'monday') == list(range(54))
    assert numbers(out / HELD_OUT / 'monday') == list(range(54, 60))
    # Both are drives, with the stamps that their images had.
    (learned,) = read_dataset(out / DATA)
    assert learned.stamps == [100_000_000 * n for n in range(54)]
    assert read_folder(out / HELD_OUT / 'monday')[1] == [100_000_000 * n for n in range(54, 60)]
    assert (out / HELD_OUT / 'monday' / 'truth' / 'poses.txt').is_file()
    assert not (out / DATA / 'monday' / 'truth').exists()
    again = prepare([drive], out, OPTIONS)
    assert again[0] == [made] and numbers(out / DATA / 'monday') == list(range(54))


def test_setting_aside_goes_on(drive: Path, tmp_path: Path) -> None:
    whole = tmp_path / 'whole'
    shutil.copytree(drive, whole)
    (whole / '000059.png').rename(tmp_path / '000059.png')  # interrupted after one image
    (tmp_path / 'tail').mkdir()
    (tmp_path / '000059.png').rename(tmp_path / 'tail' / '000059.png')
    set_aside(whole, tmp_path / 'tail', 50)
    assert numbers(whole) == list(range(50)) and numbers(tmp_path / 'tail') == list(range(50, 60))


def test_what_is_of_no_use_costs_a_line_and_no_other(
    drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = write_drive(tmp_path / 'short', 30)
    standing = write_drive(tmp_path / 'standing', step=0)
    bare = write_drive(tmp_path / 'bare')
    (bare / 'intrinsics.txt').unlink()
    drives, lines = prepare([short, standing, bare, drive], tmp_path / 'out', OPTIONS)
    said = capsys.readouterr()
    assert all((said.out + said.err).count(line) == 1 for line in lines)
    with pytest.raises(MdepthError, match='none of 3 recordings'):
        prepare([short, standing, bare], tmp_path / 'out', OPTIONS)
    assert [one.name for one in drives] == ['monday']
    assert '30 images of a camera that drives, 50 are needed' in lines[0]
    assert 'of a standing camera' in lines[1] and 'standing' in lines[1]
    assert 'camera.yaml' in lines[2] and '--intrinsics' in lines[2]
    assert all('\n' not in line for line in lines)


@pytest.mark.parametrize('step', [0, 3])
def test_nothing_to_learn_from(tmp_path: Path, step: int) -> None:
    poor = write_drive(tmp_path / 'poor', 30, step)
    with pytest.raises(MdepthError, match='standing' if step == 0 else '30 images') as error:
        prepare([poor], tmp_path / 'out', OPTIONS)
    assert '\n' not in str(error.value)


def test_the_truth_of_a_bag_goes_with_its_end(tmp_path: Path) -> None:
    bag, out = tmp_path / 'bag', tmp_path / 'out'
    words = ['synth', str(bag), '--frames', '50', '--width', '96', '--height', '64']
    CliRunner().invoke(mdepth, words, catch_exceptions=False)
    ((made,), failures) = prepare([bag], out, OPTIONS)
    assert (made.images, made.held_out, made.topic) == (50, 5, '/camera/image_raw')
    shots = list(open_folders('all', [out / HELD_OUT / 'bag'], 0.1))
    assert len(shots) == 5 and not failures
    assert all(shot.truth is not None and shot.pose is not None for shot in shots)
    assert [shot.previous is None for shot in shots] == [True] + 4 * [False]
    assert not (out / DATA / 'bag' / 'truth').exists()
