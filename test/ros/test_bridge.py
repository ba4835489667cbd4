# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Encodings that cv_bridge decodes, and what is said where it does not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from image_messages import GREY, RGB, grey3, message

from mdepth_ros.core.types import EIGHT
from mdepth_ros.ros import bridge, images
from mdepth_ros.ros.images import ImageError, ImageReader, to_rgb

BGR = RGB[..., ::-1]
ALPHA = np.full((6, 8, 1), 9)


@pytest.mark.parametrize(
    ('encoding', 'pixels', 'expected'),
    [
        ('32FC1', (GREY / 255).astype(np.float32), grey3(GREY)),
        ('64FC1', GREY / 255, grey3(GREY)),
        ('32FC3', (BGR / 255).astype(np.float32), RGB),
        ('64FC4', np.concatenate([BGR, ALPHA], 2) / 255, RGB),
        ('16UC3', BGR.astype(np.uint16) << 8, RGB),
        ('16SC1', GREY.astype(np.int16), grey3(GREY)),
        ('32SC3', BGR.astype(np.int32), RGB),
        ('8SC1', (GREY // 2).astype(np.int8), grey3(GREY // 2)),
    ],
)  # fmt: skip
def test_numbers_mean_what_they_mean_to_opencv(encoding: str, pixels: Any, expected: Any) -> None:
    np.testing.assert_array_equal(to_rgb(message(pixels, encoding)), expected)


def test_16_bits_of_a_stream_have_one_gain() -> None:
    reader = ImageReader(lambda line: None)
    bright, dark = (BGR.astype(np.uint16) << 4), BGR.astype(np.uint16)
    for pixels, expected in ((bright, RGB), (dark, RGB >> 4)):
        levels, rgb = reader.read(message(pixels, '16UC3'))
        assert levels.bits == 12
        np.testing.assert_array_equal(rgb, expected)
    assert reader.read(message((BGR / 255).astype(np.float32), '32FC3'))[0] == EIGHT


@pytest.mark.parametrize(
    ('encoding', 'pixels', 'words'),
    [
        (
            '32FC1',
            np.float32([[1.0, 8.5]]),
            'values from 1 to 8.5, not within 0 to 1: if',
        ),
        ('32FC1', np.float32([[1.0, np.nan]]), 'not within 0 to 1'),
        ('16SC1', np.int16([[-3, 4]]), 'values from -3 to 4, not within 0 to 65535'),
        ('8UC2', np.zeros((2, 2, 2), np.uint8), 'no encoding of a picture: it has 2 channels'),
    ],
)
def test_what_is_no_picture(encoding: str, pixels: Any, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        to_rgb(message(pixels, encoding))


def test_too_little_data_and_unknown_names() -> None:
    short = message(BGR.astype(np.int32), '32SC3')
    short.data = short.data[:-1]
    with pytest.raises(ImageError, match="image encoding '32SC3' is not decoded: "):
        to_rgb(short)
    with pytest.raises(ImageError, match="image encoding 'yuv9' is not decoded: "):
        to_rgb(message(GREY, 'yuv9'))
    huge = message(GREY, '16SC1')
    huge.width = huge.height = 100_000
    with pytest.raises(ImageError, match='too large'):
        to_rgb(huge)


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """As beside ROS 2, where cv_bridge may not fit NumPy."""
    monkeypatch.setattr(bridge, 'STANDALONE', False)
    bridge.bridge_problem.cache_clear()
    yield monkeypatch
    bridge.bridge_problem.cache_clear()


@pytest.mark.parametrize(
    ('code', 'said', 'line'),
    [
        (0, '', ''),
        (-11, '', "cv_bridge is not built for NumPy .*: pip install 'numpy<2'"),
        (
            1,
            "ModuleNotFoundError: No module named 'cv_bridge'",
            r'does not work \(Modul.*inst',
        ),
    ],
)
def test_the_bridge_is_tried_in_another_process(
    ros: pytest.MonkeyPatch, code: int, said: str, line: str
) -> None:
    calls: list[Any] = []

    def run(command: Any, **options: Any) -> Any:
        calls.append(command)
        return SimpleNamespace(returncode=code, stderr=said)

    ros.setattr(subprocess, 'run', run)
    problem = bridge.bridge_problem()
    assert bridge.bridge_problem() == problem and len(calls) == 1
    if not line:
        assert problem == ''
        return
    with pytest.raises(ImageError, match=line):
        to_rgb(message(GREY.astype(np.int16), '16SC1'))
    np.testing.assert_array_equal(to_rgb(message(RGB, 'rgb8')), RGB)


def test_a_trial_that_never_ends(ros: pytest.MonkeyPatch) -> None:
    ros.setattr(bridge, 'TRIAL', 'import time; time.sleep(60)')
    ros.setattr(bridge, 'TIMEOUT', 0.2)
    assert 'cannot be tried' in bridge.bridge_problem()


def test_a_bridge_that_ends_the_interpreter(ros: pytest.MonkeyPatch) -> None:
    ros.setattr(bridge, 'TRIAL', 'import os, signal; os.kill(os.getpid(), signal.SIGSEGV)')
    assert 'is not built for NumPy' in bridge.bridge_problem()
    with pytest.raises(ImageError, match='needs cv_bridge, but cv_bridge is not built for NumPy'):
        images.to_rgb(message(GREY.astype(np.int16), '16SC1'))
