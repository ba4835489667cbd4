# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from mdepth_training.data import Key, Sample


def test_on_a_device_images_are_floats_and_the_rest_stays() -> None:
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    sample = Sample(image, image, image, torch.eye(3)[None], image, 5 * torch.eye(4)[None])
    ready = sample.on('cpu')
    assert ready.stereo is not None and ready.T_stereo_current is not None
    for view in (ready.previous, ready.current, ready.following, ready.stereo):
        assert view.dtype == torch.float32
        torch.testing.assert_close(view.flatten(), torch.tensor([0, 0.2, 1]))
    assert torch.equal(ready.K, sample.K)
    assert torch.equal(ready.T_stereo_current, 5 * torch.eye(4)[None])


def test_floats_pass_unchanged_and_no_stereo_stays_none() -> None:
    image = torch.rand(2, 3, 4, 5)
    ready = Sample(image, image, image, torch.eye(3).expand(2, 3, 3)).on('cpu')
    assert torch.equal(ready.current, image)
    assert ready.stereo is None and ready.T_stereo_current is None


def test_the_batch_keeps_its_type_on_the_way() -> None:
    image = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    assert Sample(image, image, image, torch.eye(3)[None]).to('cpu').current.dtype == torch.uint8


def test_labels_keep_their_values_and_keys_stay() -> None:
    image = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    keys, labels = (Key('monday', 7, 10**9),), {'object': image[:, :1]}
    sample = Sample(image, image, image, torch.eye(3)[None], keys=keys, labels=labels)
    ready = sample.on('cpu')
    assert ready.keys == keys and ready.current.max() == 1
    assert torch.equal(ready.labels['object'], image[:, :1])
    assert sample.tensors().keys() == {'previous', 'current', 'following', 'K'}
