# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import kornia.color
import torch
from mdepth_training.config import Training
from mdepth_training.data import Key, Sample
from mdepth_training.data.augmentation import (
    apply_colour,
    apply_noise,
    augmented,
    flip,
    random_colour,
    random_noise,
)

from mdepth_ros.geometry import inverse_transform, transform_from_axis_angle, warp


def test_a_flipped_world_warps_to_the_flipped_view() -> None:
    """Mirroring images, the camera and the motion gives the mirrored reconstruction."""
    generator = torch.Generator().manual_seed(0)
    image, depth = torch.rand(1, 3, 24, 40, generator=generator), torch.full((1, 24, 40), 6.0)
    K = torch.tensor([[[30.0, 0, 14.3], [0, 30, 11.5], [0, 0, 1]]])
    sample = flip(Sample(image, image, image, K), torch.tensor([True]))
    rotation, translation = torch.tensor([[0.01, 0.02, -0.03]]), torch.tensor([[0.3, 0.1, 0.4]])
    motion = transform_from_axis_angle(rotation, translation)
    mirrored = transform_from_axis_angle(
        rotation * torch.tensor([1.0, -1, -1]), translation * torch.tensor([-1.0, 1, 1])
    )
    straight, valid = warp(image, depth, motion, K)
    other, _ = warp(sample.current, depth, mirrored, sample.K)
    difference = (straight - other.flip(-1)).abs().amax(1)
    assert difference[valid].max() < 1e-4
    assert inverse_transform(motion).shape == (1, 4, 4)


def test_a_flipped_pair_of_cameras_sees_the_flipped_world() -> None:
    """Flip with a stereo image: the fixed transform must warp the mirrored one as the straight."""
    generator = torch.Generator().manual_seed(0)
    image, stereo = torch.rand(2, 1, 3, 24, 40, generator=generator)
    depth = torch.full((1, 24, 40), 6.0)
    K = torch.tensor([[[30.0, 0, 14.3], [0, 30, 11.5], [0, 0, 1]]])
    T = transform_from_axis_angle(
        torch.tensor([[0.01, -0.02, 0.03]]), torch.tensor([[-0.5, 0.1, 0.2]])
    )
    sample = flip(Sample(image, image, image, K, stereo, T), torch.tensor([True]))
    assert sample.stereo is not None and sample.T_stereo_current is not None
    torch.testing.assert_close(sample.T_stereo_current[0, 0, 3], torch.tensor(0.5))
    straight, valid = warp(stereo, depth, T, K)
    other, _ = warp(sample.stereo, depth, sample.T_stereo_current, sample.K)
    assert valid.float().mean() > 0.5
    assert (straight - other.flip(-1)).abs().amax(1)[valid].max() < 1e-4
    twice = flip(sample, torch.tensor([True]))
    torch.testing.assert_close(twice.T_stereo_current, T)
    torch.testing.assert_close(twice.K, K)
    assert torch.equal(twice.stereo, stereo)
    kept = flip(sample, torch.tensor([False]))
    assert torch.equal(kept.stereo, sample.stereo)


def test_only_the_chosen_samples_are_flipped() -> None:
    image = torch.rand(2, 3, 4, 6)
    K = torch.tensor([[5.0, 0, 1.0], [0, 5, 2], [0, 0, 1]]).expand(2, 3, 3)
    flipped = flip(Sample(image, image, image, K), torch.tensor([False, True]))
    assert torch.equal(flipped.previous[0], image[0])
    assert torch.equal(flipped.previous[1], image[1].flip(-1))
    assert flipped.K[:, 0, 2].tolist() == [1.0, 4.0]


def test_labels_and_keys_go_with_the_sample() -> None:
    torch.manual_seed(0)
    image, keys = torch.rand(8, 3, 64, 96), tuple(Key('monday', i, i * 10**8) for i in range(8))
    sample = Sample(
        image, image, image, torch.eye(3).repeat(8, 1, 1), keys=keys, labels={'red': image[:, :1]}
    )
    mirrored, seen, (coin, never) = augmented(sample, Training(noise=0.5), (0.5, 0.0))
    flipped = (mirrored.current != image).flatten(1).any(1)
    assert 0 < flipped.sum() < 8 and mirrored.keys == seen.keys == keys
    assert torch.equal(mirrored.labels['red'], mirrored.current[:, :1])
    assert torch.equal(seen.labels['red'], mirrored.labels['red'])
    assert not torch.equal(seen.current, mirrored.current)
    assert coin.shape == (8,) and not never.any()


def test_each_process_draws_its_part_of_what_one_would_draw() -> None:
    image = torch.rand(4, 3, 64, 96)
    whole = Sample(image, image, image, torch.eye(3).repeat(4, 1, 1))
    half = Sample(image[2:], image[2:], image[2:], whole.K[2:])
    torch.manual_seed(3)
    _, one, coins = augmented(whole, Training(), (0.5,))
    torch.manual_seed(3)
    _, other, parts = augmented(half, Training(), (0.5,), (1, 2))
    assert torch.equal(one.current[2:], other.current) and torch.equal(coins[0][2:], parts[0])


def test_no_strength_changes_nothing() -> None:
    image = torch.rand(3, 3, 5, 5)
    torch.testing.assert_close(
        apply_colour(image, *random_colour(3, 0.0, 0.0)), image, atol=1e-5, rtol=0
    )


def test_half_of_the_samples_stay_and_the_rest_change_within_bounds() -> None:
    torch.manual_seed(0)
    matrix, _ = random_colour(400, 0.2, 0.1)
    unchanged = (matrix - torch.eye(3)).abs().amax((1, 2)) < 1e-5
    assert 0.4 < unchanged.float().mean() < 0.6
    # White stays grey and within brightness times contrast.
    white = (matrix @ torch.ones(3)).std(1)
    assert white.max() < 1e-2
    assert matrix.sum(2).min() > 0.6 and matrix.sum(2).max() < 1.5


def test_brightness_and_contrast_agree_with_kornia() -> None:
    """Against a library, one factor at a time."""
    image = 0.3 + 0.3 * torch.rand(1, 3, 8, 8)
    identity = torch.eye(3)[None]
    torch.testing.assert_close(
        apply_colour(image, 1.15 * identity, torch.zeros(1)),
        kornia.enhance.adjust_brightness_accumulative(image, 1.15),
    )
    grey_mean = kornia.color.rgb_to_grayscale(image).mean()
    torch.testing.assert_close(
        apply_colour(image, 0.8 * identity, torch.tensor([0.2])),
        0.8 * image + 0.2 * grey_mean,
        atol=1e-3,
        rtol=0,
    )


def test_noise_has_the_deviation_of_its_grains_and_is_grey() -> None:
    torch.manual_seed(0)
    grey = torch.full((5, 3, 192, 320), 0.5)
    deviation = torch.zeros(5, 4)
    deviation[range(1, 5), range(4)] = 0.1
    noisy = apply_noise(grey, deviation) - grey
    assert (noisy[0] == 0).all()
    torch.testing.assert_close(noisy[:, 0], noisy[:, 2])
    # Enlarged twice, a row's pixels are 3/4 and 1/4 of two grains; with (9+1)/16 in both axes the
    # variance is 0.39 of the grains'. Enlarged 4 and 8 times it tends to (2/3)^2.
    shares = noisy[1:, 0].var((1, 2)) / 0.01
    torch.testing.assert_close(shares, torch.tensor([1, 0.391, 0.431, 0.441]), atol=0.05, rtol=0)
    # Neighbours are the more alike the larger the grain.
    likeness = (noisy[1:, 0, :, 1:] * noisy[1:, 0, :, :-1]).mean((1, 2)) / (shares * 0.01)
    assert likeness[0].abs() < 0.05 and (likeness.diff() > 0.05).all()


def test_noise_stays_in_the_range_of_images_of_any_size() -> None:
    torch.manual_seed(0)
    noisy = apply_noise(torch.rand(1, 3, 65, 97), torch.full((1, 4), 1.0))
    assert noisy.shape == (1, 3, 65, 97) and noisy.min() == 0 and noisy.max() == 1


def test_half_of_the_samples_get_no_noise() -> None:
    torch.manual_seed(0)
    deviation = random_noise(1000, 0.2)
    assert 400 < (deviation == 0).all(1).sum() < 600 and 0.19 < deviation.max() <= 0.2
    assert (random_noise(100, 0.0) == 0).all()
