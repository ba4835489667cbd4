# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import resource
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.conversions import make_header
from mdepth_ros.ros.images import image_message
from mdepth_ros.ros.recording import BagWriter, message_type

# isort: split
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import String

STORAGES = ['mcap', 'sqlite3']
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def image(stamp: int) -> Any:
    return image_message(PIXELS, make_header(stamp, 'camera'), 'rgb8')


def fill(bag: BagWriter, frames: int = 30) -> None:
    bag.write('/mdepth/model', String(data='a card'), 100)
    for frame in range(frames):
        bag.write('/image', image(100 + frame), 100 + frame)


def contents(folder: Path) -> list[tuple[str, int, Any]]:
    with Reader(folder) as reader:
        return [
            (connection.topic, stamp, bytes(data)) for connection, stamp, data in reader.messages()
        ]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize('storage', STORAGES)
def test_a_bag_is_read_back(tmp_path: Path, storage: str) -> None:
    with BagWriter(tmp_path / 'bag', storage, latched=['/mdepth/model']) as bag:
        fill(bag)
        assert left(tmp_path) == ['bag.partial']
    suffix = {'mcap': 'mcap', 'sqlite3': 'db3'}[storage]
    assert left(tmp_path) == ['bag']
    assert left(tmp_path / 'bag') == [f'bag_0.{suffix}', 'metadata.yaml']
    messages = contents(tmp_path / 'bag')
    assert [stamp for topic, stamp, _ in messages if topic == '/image'] == list(range(100, 130))
    assert deserialize_message(messages[-1][2], Image) == image(129)
    with AnyReader([tmp_path / 'bag']) as reader:
        durability = {c.topic: c.ext.offered_qos_profiles for c in reader.connections}
        definitions = {c.topic: c.msgdef.data for c in reader.connections}
        assert {c.msgtype for c in reader.connections} == {
            'std_msgs/msg/String',
            'sensor_msgs/msg/Image',
        }
    assert durability['/mdepth/model'][0].durability == QosDurability.TRANSIENT_LOCAL
    assert durability['/image'] == []
    assert (
        'uint32 step' in definitions['/image'] and 'MSG: std_msgs/Header' in definitions['/image']
    )


@pytest.mark.parametrize('storage', STORAGES)
def test_the_same_calls_give_the_same_bytes(tmp_path: Path, storage: str) -> None:
    for name in ('one', 'two'):
        with BagWriter(tmp_path / name / 'bag', storage) as bag:
            fill(bag, 500)  # several chunks
    for file in (tmp_path / 'one/bag').iterdir():
        assert file.read_bytes() == (tmp_path / 'two/bag' / file.name).read_bytes()


def test_a_message_that_is_cdr_already_is_kept_as_it_is(tmp_path: Path) -> None:
    data = serialize_message(image(5))
    with BagWriter(tmp_path / 'bag') as bag:
        bag.write_raw('/image', 'sensor_msgs/msg/Image', memoryview(data), 5)
        bag.write('/image', image(6), 6)
    kept, written = contents(tmp_path / 'bag')
    assert kept == ('/image', 5, data)
    # Not its bytes: Fast DDS leaves in the padding what the memory held before.
    assert deserialize_message(written[2], type(image(6))) == image(6)
    assert message_type(image(5)) == 'sensor_msgs/msg/Image'


def test_an_empty_bag_is_a_bag(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag'):
        pass
    assert contents(tmp_path / 'bag') == []


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag') as bag:
        fill(bag)
    with pytest.raises(MdepthError, match='exists already'):
        BagWriter(tmp_path / 'bag')
    with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / 'bag', overwrite=True) as bag:
        _ = 1 / 0
    assert len(contents(tmp_path / 'bag')) == 31
    with BagWriter(tmp_path / 'bag', 'sqlite3', overwrite=True) as bag:
        fill(bag, 2)
    assert len(contents(tmp_path / 'bag')) == 3
    assert left(tmp_path) == ['bag'] and 'bag_0.mcap' not in left(tmp_path / 'bag')


def test_only_bags_are_overwritten(tmp_path: Path) -> None:
    (tmp_path / 'home').mkdir()
    with BagWriter(tmp_path / 'home') as bag:  # an empty folder is no loss
        fill(bag)
    (tmp_path / 'home/metadata.yaml').unlink()
    with pytest.raises(MdepthError, match='is not a bag'):
        BagWriter(tmp_path / 'home', overwrite=True)
    assert left(tmp_path / 'home') == ['home_0.mcap']


def test_what_a_crash_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / 'bag.partial/bag_0').mkdir(parents=True)
    with BagWriter(tmp_path / 'bag') as bag:
        fill(bag)
    assert left(tmp_path) == ['bag']


@pytest.mark.parametrize('storage', STORAGES)
def test_ctrl_c_keeps_what_was_written(tmp_path: Path, storage: str) -> None:
    with pytest.raises(KeyboardInterrupt), BagWriter(tmp_path / 'bag', storage) as bag:
        fill(bag, 10)
        raise KeyboardInterrupt
    assert left(tmp_path) == ['bag'] and len(contents(tmp_path / 'bag')) == 11


def test_ctrl_c_within_a_record_waits_for_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rosbags.rosbag2.storage_mcap as storage

    whole = storage.write_record

    def interrupted(*args: Any) -> None:
        if args[1] == 0x05:
            signal.raise_signal(signal.SIGINT)
        whole(*args)

    monkeypatch.setattr(storage, 'write_record', interrupted)
    with pytest.raises(KeyboardInterrupt), BagWriter(tmp_path / 'bag') as bag:
        fill(bag)
    assert len(contents(tmp_path / 'bag')) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_may_write(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag') as bag:
        thread = threading.Thread(target=fill, args=(bag,))
        thread.start()
        thread.join()
    assert len(contents(tmp_path / 'bag')) == 31


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize('when', ['write', 'close'])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, when: str
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, 'no')

    expected = 'cannot write|no' if number == errno.EIO else 'the disk is full'
    with pytest.raises(MdepthError, match=expected), BagWriter(tmp_path / 'bag') as bag:
        fill(bag, 5)
        monkeypatch.setattr(bag._writer.storage, when, refuse)
        fill(bag, 5)
    assert left(tmp_path) == []


@pytest.mark.parametrize('storage', STORAGES)
def test_a_file_that_may_not_grow_leaves_nothing(tmp_path: Path, storage: str) -> None:
    """The kernel itself refuses: no more than 1 MB per file, for a moment."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(MdepthError, match='was not written') as caught:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
        try:
            with BagWriter(tmp_path / 'bag', storage) as bag:
                fill(bag, 1000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert left(tmp_path) == [] and '\n' not in str(caught.value)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(MdepthError, match='was not written'), BagWriter(tmp_path / 'file/bag'):
        pass


def test_a_place_without_a_name_is_one_line() -> None:
    with pytest.raises(MdepthError, match='name a directory to be made'):
        BagWriter(Path(), overwrite=True)
