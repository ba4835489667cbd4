# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The mask of a camera from the recording to the batch: what is never learned from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import recordings
import torch
from mdepth_training.data import Triplets
from mdepth_training.data.augmentation import flip
from mdepth_training.data.extract import extract
from mdepth_training.data.extract_drive import Options
from mdepth_training.data.recordings import read_dataset
from mdepth_training.data.sample import Key, Sample, joined

from mdepth_ros.core.types import Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import open_source
from mdepth_ros.sources.mask import read_mask, write_mask

EXACT = Options(size=(recordings.WIDTH, recordings.HEIGHT), png=True)


def usable(height: int = recordings.HEIGHT, width: int = recordings.WIDTH) -> np.ndarray:
    pixels = np.ones((height, width), bool)
    pixels[3 * height // 4 :, width // 4 :] = False
    return pixels


def test_an_extracted_drive_has_the_mask_of_its_recording(tmp_path: Path) -> None:
    bag = recordings.write_ros2(tmp_path / 'town', recordings.drive(5))
    write_mask(tmp_path / 'bonnet.png', Mask(usable()))
    options = replace(EXACT, mask=str(tmp_path / 'bonnet.png'))
    dataset = extract([bag], tmp_path / 'data', options)
    assert dataset.drives['town']['frames'] == 5
    folder = tmp_path / 'data' / 'town'
    # A pixel at the side of the image is sampled half from outside of it.
    np.testing.assert_array_equal(read_mask(folder / 'mask.png').usable, usable())
    (drive,) = read_dataset(tmp_path / 'data')
    assert len(drive.images) == 5 and drive.mask is not None
    (frame, *_) = open_source(folder)
    assert frame.mask is not None  # the runtime respects it too
    # Of the folder again, smaller: what is made of nothing but usable pixels.
    size = recordings.WIDTH // 2, recordings.HEIGHT // 2
    extract([folder], tmp_path / 'small', Options(size=size, keep_static=True))
    blocks = usable().reshape(size[1], 2, size[0], 2).all((1, 3))
    np.testing.assert_array_equal(read_mask(tmp_path / 'small/town/mask.png').usable, blocks)


def test_a_mask_of_another_size_stops_the_drive(tmp_path: Path) -> None:
    bag = recordings.write_ros2(tmp_path / 'town', recordings.drive(5))
    write_mask(tmp_path / 'bonnet.png', Mask(usable()[:8]))
    with pytest.raises(MdepthError, match=r'bonnet\.png is a mask of .*, but the images are'):
        extract([bag], tmp_path / 'data', replace(EXACT, mask=str(tmp_path / 'bonnet.png')))


def test_triplets_say_what_is_usable(make_drive, tmp_path: Path) -> None:
    plain, other = make_drive('plain'), make_drive('other')
    camera = other.camera
    masked = replace(other, mask=Mask(usable(camera.height, camera.width)))
    size = (camera.height // 2, camera.width // 2)
    triplets = Triplets([plain, masked], size, 0.1, False, cache=tmp_path)
    sample = triplets.batch([0, len(triplets) - 1])
    assert sample.usable is not None and sample.usable.dtype == torch.bool
    assert sample.usable.shape == (2, 1, *size) and sample.usable[0].all()
    hidden = ~sample.usable[1, 0].numpy()
    assert hidden[-1, -1] and not hidden[:, 0].any() and not hidden[0].any()
    assert hidden.mean() == pytest.approx(3 / 16, abs=0.04)
    assert Triplets([plain], size, 0.1, False, cache=tmp_path).batch([0]).usable is None
    wrong = replace(plain, mask=Mask(usable()[:5], 'bonnet.png'))
    with pytest.raises(MdepthError, match=r'bonnet\.png is a mask of'):
        Triplets([wrong], size, 0.1, False, cache=tmp_path)


def test_what_is_usable_goes_with_the_sample() -> None:
    image, K = torch.rand(2, 3, 4, 6), torch.eye(3).repeat(2, 1, 1)
    pixels = torch.rand(2, 1, 4, 6) > 0.5
    keys = Key('a', 0, 0), Key('a', 1, 1)
    sample = Sample(image, image, image, K, usable=pixels, keys=keys)
    flipped = flip(sample, torch.tensor([False, True])).usable
    assert flipped is not None and torch.equal(flipped[0], pixels[0])
    assert torch.equal(flipped[1], pixels[1].flip(-1))
    on_device = sample.on('cpu').usable
    assert on_device is not None and torch.equal(on_device, pixels)
    both = joined([replace(sample, usable=None), sample], torch.tensor([3, 0, 1, 2])).usable
    assert both is not None and torch.equal(both[0], pixels[1])
    assert both[1:3].all() and torch.equal(both[3], pixels[0])
