# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from ros2_standalone.task import Future


def test_a_result_reaches_everybody_once() -> None:
    future = Future()
    heard: list[Any] = []
    future.add_done_callback(lambda done: heard.append(('early', done.result())))
    assert not future.done() and future.result() is None
    future.set_result(3)
    future.add_done_callback(lambda done: heard.append(('late', done.result())))
    assert heard == [('early', 3), ('late', 3)]
    assert future.done() and future.exception() is None


def test_an_exception_is_raised_by_result() -> None:
    future = Future()
    future.set_exception(KeyError('a'))
    assert future.done() and isinstance(future.exception(), KeyError)
    with pytest.raises(KeyError):
        future.result()


def test_a_callback_that_fails_does_not_keep_the_others() -> None:
    future = Future()
    heard: list[Future] = []

    def fail(_: Future) -> None:
        raise RuntimeError('broken')

    future.add_done_callback(fail)
    future.add_done_callback(heard.append)
    with pytest.warns(UserWarning, match='broken'):
        future.set_result(None)
    assert heard == [future]
