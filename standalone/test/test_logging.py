# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from ros2_standalone import logging
from ros2_standalone.logging import LoggingSeverity, Record


@pytest.fixture(autouse=True)
def _fresh_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, '_levels', {'': LoggingSeverity.INFO})


@pytest.fixture
def records() -> Iterator[list[Record]]:
    kept: list[Record] = []
    logging.add_sink(kept.append)
    yield kept
    logging.remove_sink(kept.append)


def test_a_line_has_level_time_name_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert logging.get_logger('ns.node').info('hello')
    out, err = capsys.readouterr()
    assert out == ''
    assert re.fullmatch(r'\[INFO\] \[\d{10}\.\d{9}\] \[ns\.node\]: hello\n', err)


def test_every_severity(records: list[Record]) -> None:
    logger = logging.get_logger('a')
    logger.set_level(LoggingSeverity.DEBUG)
    for method in ('debug', 'info', 'warn', 'warning', 'error', 'fatal'):
        assert getattr(logging.get_logger('a'), method)(method)
    logger.log('text', LoggingSeverity.WARN)
    assert [record.severity.value for record in records] == [10, 20, 30, 30, 40, 50, 30]
    assert {record.name for record in records} == {'a'}
    assert records[0].file == __file__ and records[0].function == 'test_every_severity'


def test_levels_hold_for_what_is_below(records: list[Record]) -> None:
    parent, child = logging.get_logger('a'), logging.get_logger('a').get_child('b')
    assert child.name == 'a.b'
    assert not parent.debug('no') and not child.debug('no')
    logging.set_logger_level('a', LoggingSeverity.DEBUG)
    assert child.get_effective_level() is LoggingSeverity.DEBUG
    assert logging.get_logger_level('a.b') is LoggingSeverity.UNSET
    child.set_level(LoggingSeverity.ERROR)
    assert parent.debug('yes') and not child.warning('no') and child.error('yes')
    child.set_level(LoggingSeverity.UNSET)
    assert child.is_enabled_for(LoggingSeverity.DEBUG)
    logging.set_logger_level('', LoggingSeverity.FATAL)
    assert not logging.get_logger('other').error('no')
    assert [record.message for record in records] == ['yes', 'yes']


def test_filters(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(logging.time, 'monotonic', lambda: now[0])
    logger = logging.get_logger('a')
    for second in range(5):
        now[0] = 100.0 + second
        logger.info('once', once=True)
        logger.info(f'throttled {second}', throttle_duration_sec=2.0)
        logger.info(f'late {second}', skip_first=True, throttle_duration_sec=3.0)
    said = [record.message for record in records]
    assert said == ['once', 'throttled 0', 'late 1', 'throttled 2', 'throttled 4', 'late 4']


def test_a_line_of_code_keeps_its_severity_and_filters() -> None:
    logger = logging.get_logger('a')
    with pytest.raises(ValueError, match='severity'):
        for severity in (LoggingSeverity.INFO, LoggingSeverity.WARN):
            logger.log('text', severity)
    with pytest.raises(ValueError, match='filter'):
        for once in (True, False):
            logger.info('text', once=once)
    with pytest.raises(TypeError, match='throttle'):
        logger.info('text', throttle=1)


def test_names() -> None:
    with pytest.raises(ValueError, match='empty'):
        logging.get_logger('')
    with pytest.raises(ValueError, match='empty'):
        logging.get_logger('a').get_child('')
