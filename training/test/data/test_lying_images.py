# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that lie on their side, images of 12 bits, rectified ones: read as the vehicle does."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pictures
import pytest
import recordings
from mdepth_training.data import Triplets
from mdepth_training.data.checks import Findings
from mdepth_training.data.extract import extract
from mdepth_training.data.extract_drive import Options
from mdepth_training.data.folder import folder_drive, image_size
from mdepth_training.data.scan import scan
from mdepth_training.data.selection import select
from recordings import SECOND

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.images import to_rgb
from mdepth_ros.sources import open_source
from mdepth_ros.sources.folder import read_image

EXACT = Options(size=(recordings.WIDTH, recordings.HEIGHT), png=True, keep_static=True)
CAMERA = """\
image_width: {}
image_height: {}
camera_matrix: {{rows: 3, cols: 3, data: [40, 0, 20, 0, 40, 16, 0, 0, 1]}}
distortion_model: plumb_bob
distortion_coefficients: {{rows: 1, cols: 5, data: [{}, 0, 0, 0, 0]}}
"""


def folder(path: Path, orientation: int, kind: str, size: tuple[int, int]) -> Path:
    path.mkdir()
    for number in range(5):
        stored = recordings.picture(number)[..., ::-1].copy()
        (path / f'{number}.{kind}').write_bytes(pictures.lying(kind, stored, orientation))
    (path / 'camera.yaml').write_text(CAMERA.format(*size, 0))
    return path


@pytest.mark.parametrize('kind', ['png', 'jpg'])
@pytest.mark.parametrize('orientation', [3, 6])
def test_run_fit_extract_and_messages_read_one_picture(
    tmp_path: Path, orientation: int, kind: str
) -> None:
    size = (32, 48) if orientation == 6 else (48, 32)
    path = folder(tmp_path / 'drive', orientation, kind, size)
    file = path / f'3.{kind}'
    seen = list(open_source(path))[3].image
    if kind == 'png':
        turned = pictures.SEEN[orientation](recordings.picture(3)[..., ::-1].copy())
        np.testing.assert_array_equal(seen, turned[..., ::-1])
    # fit
    drive = folder_drive(path)
    assert (drive.camera.width, drive.camera.height) == size == image_size(file)
    np.testing.assert_array_equal(read_image(file), seen)
    findings = Findings()
    select(drive, scan(drive, None, tmp_path / 'cache'), 0.1, findings)
    assert findings.lines()[0].startswith('5 images that are turned upright by their EXIF: ')
    assert len(findings.lines()) == 1
    # a CompressedImage of the same bytes
    message = recordings.jpeg(SECOND, data=file.read_bytes())
    np.testing.assert_array_equal(to_rgb(message), seen)
    # extract
    dataset = extract([path], tmp_path / 'data', replace(EXACT, size=size))
    (facts,) = dataset.drives.values()
    assert [line for line in facts['notes'] if 'turned upright as their EXIF' in line]
    made = cv2.imread(str(tmp_path / 'data/drive/000003.png'))[..., ::-1]
    np.testing.assert_array_equal(made, seen)


def test_the_size_of_the_stored_pixels_is_refused_by_fit_as_by_run(tmp_path: Path) -> None:
    path = folder(tmp_path / 'drive', 6, 'png', (48, 32))
    for read in (folder_drive, lambda where: list(open_source(where))):
        with pytest.raises(MdepthError, match=r'for 48x32 but the image is 32x48 \(.*their EXIF'):
            read(path)


def heat(path: Path, topic: str = '/heat/image_raw') -> Path:
    """A dark image, bright ones, a dark one; 12 bits in 16UC1."""
    base = topic.rpartition('/')[0]
    messages = [(f'{base}/camera_info', recordings.camera_info(SECOND), SECOND)]
    for number in range(6):
        pixels = recordings.picture(number)[..., 1].astype('<u2') << (2 if number == 5 else 4)
        stamp = SECOND + number * SECOND // 10
        image = recordings.image(stamp, encoding='16UC1', data=pixels.reshape(-1).view(np.uint8))
        image.step = 96
        messages.append((topic, image, stamp))
    return recordings.write_ros2(path, messages)


def test_12_bits_are_extracted_as_they_are_run(tmp_path: Path) -> None:
    bag = heat(tmp_path / 'bag')
    with pytest.raises(MdepthError, match='name it by --topic'):
        extract([bag], tmp_path / 'data', EXACT)
    options = replace(EXACT, topic='/heat/image_raw')
    dataset = extract([bag], tmp_path / 'data', options, jobs=4)
    (facts,) = dataset.drives.values()
    assert '16-bit images of 12 bits: 0 to 4095 becomes 0 to 255' in facts['notes']
    frames = list(open_source(bag, topic='/heat/image_raw'))
    for number, frame in enumerate(frames):
        made = cv2.imread(str(tmp_path / f'data/bag/{number:06d}.png'))[..., ::-1]
        np.testing.assert_array_equal(made, frame.image)
        expected = recordings.picture(number)[..., 1] >> (2 if number == 5 else 0)
        np.testing.assert_array_equal(frame.image[..., 0], expected)


def test_a_folder_of_12_bits_is_learned_from_as_it_is_run(tmp_path: Path) -> None:
    path = tmp_path / 'drive'
    path.mkdir()
    for number in range(5):
        pixels = recordings.picture(number)[..., 1].astype(np.uint16) << 4
        cv2.imwrite(str(path / f'{number}.png'), pixels)
    (path / 'camera.yaml').write_text(CAMERA.format(48, 32, 0))
    findings = Findings()
    drive = folder_drive(path)
    triplets = Triplets([drive], (32, 32), 0.1, False, cache=tmp_path, findings=findings)
    assert findings.lines() == [
        '1 drives of 16-bit images of 12 bits: 0 to 4095 becomes 0 to 255: drive'
    ]
    assert triplets.batch([1]).current.float().mean() > 100
    np.testing.assert_array_equal(read_image(drive.images[2]), list(open_source(path))[2].image)


def test_what_is_rectified_is_extracted_as_it_is(tmp_path: Path) -> None:
    path = folder(tmp_path / 'drive', 1, 'png', (48, 32))
    (path / 'camera.yaml').write_text(CAMERA.format(48, 32, -0.4))
    for said, same in ((True, True), (None, False)):
        data = tmp_path / f'data_{said}'
        extract([path], data, replace(EXACT, rectified=said))
        made = cv2.imread(str(data / 'drive/000002.png'))[..., ::-1]
        assert np.array_equal(made, recordings.picture(2)) == same


def test_a_drive_of_an_older_version_is_finished_all_the_same(tmp_path: Path) -> None:
    """It was made before there was an option: that had its default."""
    path = folder(tmp_path / 'drive', 1, 'png', (48, 32))
    made = extract([path], tmp_path / 'data', EXACT)
    for file in (tmp_path / 'data/dataset.json', tmp_path / 'data/drive/drive.json'):
        tree = json.loads(file.read_text())
        options = tree.get('drives', {'drive': tree})['drive']['options']
        assert options.pop('rectified', 0) is None
        file.write_text(json.dumps(tree))
    again = extract([path], tmp_path / 'data', EXACT)
    assert again.drives.keys() == made.drives.keys() and 'rectified' in asdict(EXACT)
    with pytest.raises(MdepthError, match='with other options'):
        extract([path], tmp_path / 'data', replace(EXACT, rectified=True))


def test_a_huge_picture_is_left_out_of_the_data(tmp_path: Path) -> None:
    path = folder(tmp_path / 'drive', 1, 'png', (48, 32))
    (path / '2.png').write_bytes(pictures.huge('png', 30000, 30000))
    assert image_size(path / '2.png') is None
    drive = folder_drive(path)
    findings = Findings()
    select(drive, scan(drive, None, tmp_path / 'cache'), 0.1, findings)
    assert findings.lines()[0].startswith('1 images that are missing or cannot be read')
