# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is written comes back, for others too; nothing is mixed, halved or silently changed."""

from __future__ import annotations

import json
import multiprocessing
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lz4.block import compress  # type: ignore[import-untyped]
from mdepth_training import run_folder
from mdepth_training.labels import Kind, LabelStore, identity_of, make_origin

from mdepth_ros.errors import MdepthError

FORK = multiprocessing.get_context('fork')
SIZE = (6, 10)
KINDS = {
    'depth': Kind('depth', SIZE, description='along z, network units'),
    'flow': Kind('flow', SIZE),
    'moving': Kind('mask', SIZE),
    'instances': Kind('ids', SIZE),
    'score': Kind('value', (1, 1), channels=3, dtype='float32'),
}
ORIGIN = {'method': 'trial', 'settings': {'threshold': 0.5, 'size': (6, 10)}, 'code': 'abc'}
STAMPS = [1_700_000_000_000_000_000 + 100_000_000 * number for number in range(8)]
VIEW = (0.58, 1.92, 0.5, 0.5)


def maps_of(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    depth = random.uniform(0.1, 90, SIZE).astype(np.float16)
    depth[0, :3] = np.nan, np.inf, 65504
    flow = random.normal(0, 5, (2, *SIZE)).astype(np.float16)
    flow[:, 1, 1] = np.nan
    return {
        'depth': depth[None],
        'flow': flow,
        'moving': random.uniform(size=(1, *SIZE)) < 0.3,
        'instances': random.integers(-300, 300, (1, *SIZE)).astype(np.int16),
        'score': random.uniform(size=(3, 1, 1)).astype(np.float32),
    }


def keys_of(drive: str) -> list[tuple[str, int, int]]:
    return [(drive, number, stamp) for number, stamp in enumerate(STAMPS)]


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    store = LabelStore.create(tmp_path / 'store', KINDS, ORIGIN)
    store.add_drive('monday', STAMPS, VIEW)
    return store


def assert_same(read: dict[str, Any], written: dict[str, Any]) -> None:
    for name, array in written.items():
        assert read[name].dtype == array.dtype, name
        np.testing.assert_array_equal(read[name], array, err_msg=name)


def test_maps_come_back_as_they_were(store: LabelStore) -> None:
    for key in keys_of('monday')[:3]:
        store.write(key, maps_of(key[1]))
    again = LabelStore.open(store.path)
    for key in keys_of('monday')[:3]:
        assert_same(again.read(key), maps_of(key[1]))
    assert list(again.read(keys_of('monday')[0], ['moving'])) == ['moving']
    assert again.kinds == KINDS
    assert again.drive('monday').view == VIEW
    again.read(keys_of('monday')[0])['moving'][:] = True  # may be written to


def test_tensors_and_maps_without_channel(store: LabelStore) -> None:
    maps = maps_of(0)
    maps['depth'][0, 0, 2] = 1  # 65504 is 65536 in bfloat16
    tensors = {name: torch.from_numpy(array) for name, array in maps.items()}
    tensors['depth'] = tensors['depth'][0].to(torch.bfloat16).requires_grad_()
    tensors['moving'] = tensors['moving'].to(torch.uint8)
    store.write(keys_of('monday')[0], tensors)
    read = store.read(keys_of('monday')[0])
    np.testing.assert_array_equal(read['moving'], maps['moving'])
    with np.errstate(invalid='ignore'):
        close = np.isclose(read['depth'], maps['depth'], rtol=2**-8, equal_nan=True)
    assert close[0, 0, [0, 1]].all() and close[0, 1:].all()


def test_the_files_are_zarr_format_2(store: LabelStore) -> None:
    """Decoded here by the words of the format: header, zlib, shuffle, bits of masks."""
    store.write(keys_of('monday')[5], maps_of(5))
    assert json.loads((store.path / '.zgroup').read_text()) == {'zarr_format': 2}
    for name, array in maps_of(5).items():
        folder = store.path / 'monday' / name
        header = json.loads((folder / '.zarray').read_text())
        assert header['shape'] == [8, *array.shape]
        assert header['chunks'] == [1, *array.shape]
        assert header['order'] == 'C' and header['compressor']['id'] == 'zlib'
        data = zlib.decompress((folder / '5.0.0.0').read_bytes())
        width = np.dtype(header['dtype']).itemsize
        if name == 'moving':
            assert header['filters'] == [{'id': 'packbits'}]
            data = np.unpackbits(np.frombuffer(data[1:], np.uint8))[: -data[0]].tobytes()
        elif header['filters']:
            assert header['filters'] == [{'id': 'shuffle', 'elementsize': width}]
            count = len(data) // width
            data = b''.join(data[first::count] for first in range(count))
        found = np.frombuffer(data, header['dtype']).reshape(array.shape)
        np.testing.assert_array_equal(found, array)
    stamps = (store.path / 'monday' / 'stamp' / '0').read_bytes()
    assert np.frombuffer(stamps, '<i8').tolist() == STAMPS


def test_zarr_reads_it(store: LabelStore) -> None:
    zarr = pytest.importorskip('zarr')
    store.write(keys_of('monday')[2], maps_of(2))
    group = zarr.open_group(str(store.path), mode='r')
    for name, array in maps_of(2).items():
        np.testing.assert_array_equal(group['monday'][name][2], array)
    assert np.isnan(group['monday']['depth'][3]).all()
    assert group['monday']['stamp'][:].tolist() == STAMPS
    assert group.attrs['mdepth_labels']['origin']['method'] == 'trial'


def test_a_store_of_before_is_read_and_left_as_it_is(store: LabelStore) -> None:
    """Format 1: numbers by the significance of their bytes, LZ4 with its size in front."""
    for name, array in maps_of(2).items():
        planes = array.view(np.uint8).reshape(-1, array.itemsize).T.tobytes()
        (store.path / 'monday' / name / '2.0.0.0').write_bytes(compress(planes))
    about = json.loads((store.path / '.zattrs').read_text())
    about['mdepth_labels']['format'] = 1
    for facts in about['mdepth_labels']['kinds'].values():
        del facts['step'], facts['shrink']
    (store.path / '.zattrs').write_text(json.dumps(about))
    assert_same(LabelStore.open(store.path).read(keys_of('monday')[2]), maps_of(2))
    with pytest.raises(MdepthError, match='format is 1 there and 2 here: choose another'):
        LabelStore.create(store.path, KINDS, ORIGIN)
    path = store.path / 'monday' / 'depth' / '2.0.0.0'
    path.write_bytes(b'\xff' * 900)
    with pytest.raises(MdepthError, match=f'{path} is damaged'):
        LabelStore.open(store.path).read(keys_of('monday')[2])
    about['mdepth_labels']['format'] = 3
    (store.path / '.zattrs').write_text(json.dumps(about))
    with pytest.raises(MdepthError, match='of a newer program'):
        LabelStore.open(store.path)


def test_missing_and_resuming(store: LabelStore) -> None:
    keys = keys_of('monday')
    unknown = ('never', 0, 1)
    for key in (keys[1], keys[6]):
        store.write(key, maps_of(key[1]))
    (store.path / 'monday' / 'flow' / '6.0.0.0').unlink()
    again = LabelStore.create(store.path, KINDS, ORIGIN)
    assert again.missing([unknown, *keys]) == [unknown, keys[0], *keys[2:]]
    assert again.keys('monday') == [keys[1]]
    for key in again.missing(keys):
        again.write(key, maps_of(key[1]))
    assert again.missing(keys) == []
    [(name, frames, labels)] = again.summary()
    assert (name, frames, labels['flow'][0]) == ('monday', 8, 8)
    assert labels['flow'][1] == sum(f.stat().st_size for f in store.path.glob('monday/flow/*.0'))


def test_a_frame_that_nobody_wrote(store: LabelStore) -> None:
    with pytest.raises(MdepthError, match='has no depth of frame 3 of monday'):
        store.read(keys_of('monday')[3])
    assert np.isnan(KINDS['depth'].unknown) and not KINDS['moving'].unknown


def _write_every_other(path: Path, first: int) -> None:
    store = LabelStore.create(path, KINDS, ORIGIN)
    store.add_drive('monday', STAMPS, VIEW)
    store.add_drive('tuesday', STAMPS)
    for drive in ('monday', 'tuesday'):
        for key in keys_of(drive)[first::3]:
            store.write(key, maps_of(key[1]))


def test_processes_that_begin_at_once(tmp_path: Path) -> None:
    writers = [FORK.Process(target=_write_every_other, args=(tmp_path, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    store = LabelStore.open(tmp_path)
    for key in keys_of('monday') + keys_of('tuesday'):
        assert_same(store.read(key), maps_of(key[1]))
    assert not list(tmp_path.rglob('*.partial'))


@pytest.mark.parametrize('fatal', [1, 2, 4])
def test_a_writer_that_is_killed_leaves_whole_maps(store: LabelStore, fatal: int) -> None:
    keys = keys_of('monday')

    def die() -> None:
        count, write = 0, Path.write_bytes

        def half(path: Path, data: bytes) -> int:
            nonlocal count
            count += 1
            if count > fatal + len(KINDS):  # within the second frame
                write(path, data[: len(data) // 2])
                os._exit(9)
            return write(path, data)

        Path.write_bytes = half  # type: ignore[assignment,method-assign]
        for key in keys:
            store.write(key, maps_of(key[1]))

    killed = FORK.Process(target=die)
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    assert store.missing(keys) == keys[1:]
    assert_same(store.read(keys[0]), maps_of(0))
    counts = [count for count, _ in store.summary()[0][2].values()]
    assert counts == [2] * fatal + [1] * (5 - fatal)
    for key in store.missing(keys):
        store.write(key, maps_of(key[1]))
    assert store.missing(keys) == []


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'method': 'other'}, 'method is "trial" there and "other" here'),
        (
            {'settings': {'threshold': 0.6, 'size': [6, 10]}},
            'settings.threshold is 0.5 there and 0.6',
        ),
        ({'settings': {'threshold': 0.5}}, r'settings.size is \[6, 10\] there and null here'),
        ({'model': 'ff'}, 'model is null there and "ff" here'),
        ({'method': 1, 'code': 2, 'x': 3}, r'there and 1 here; .*\(and 1 more\): choose another'),
    ],
)
def test_labels_of_something_else_are_not_mixed(
    store: LabelStore, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(MdepthError, match=said):
        LabelStore.create(store.path, KINDS, ORIGIN | change)
    LabelStore.create(store.path, KINDS, ORIGIN)


def test_the_first_of_two_origins_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both found the folder empty: the second comes too late to see it, and is refused."""
    LabelStore.create(tmp_path, KINDS, ORIGIN)
    exists = Path.exists
    monkeypatch.setattr(Path, 'exists', lambda path: path.name != '.zattrs' and exists(path))
    monkeypatch.setattr(Path, 'iterdir', lambda path: iter(()))
    with pytest.raises(MdepthError, match='made by something else'):
        LabelStore.create(tmp_path, KINDS, ORIGIN | {'method': 'late'})
    assert LabelStore.open(tmp_path).origin['method'] == 'trial'


def test_a_store_that_is_opened_is_for_reading(store: LabelStore) -> None:
    with pytest.raises(MdepthError, match='opened to read'):
        LabelStore.open(store.path).write(keys_of('monday')[0], maps_of(0))
    with pytest.raises(MdepthError, match='has no normals, but depth'):
        store.read(keys_of('monday')[0], ['normals'])


def test_other_kinds_are_not_mixed(store: LabelStore) -> None:
    with pytest.raises(MdepthError, match=r'depth.size is \[6, 10\] there and \[12, 20\] here'):
        LabelStore.create(store.path, KINDS | {'depth': Kind('depth', (12, 20))}, ORIGIN)


def test_another_recording_of_the_same_name(store: LabelStore) -> None:
    store.write(keys_of('monday')[0], maps_of(0))
    store.add_drive('monday', STAMPS, VIEW)
    with pytest.raises(MdepthError, match='monday with other frames'):
        store.add_drive('monday', [stamp + 1 for stamp in STAMPS], VIEW)
    with pytest.raises(MdepthError, match='another view of monday'):
        store.add_drive('monday', STAMPS, (0.6, 1.92, 0.5, 0.5))
    for key in (('monday', 0, STAMPS[0] + 1), ('monday', 8, 0), ('monday', -1, STAMPS[-1])):
        for use in (
            store.read,
            lambda one: store.missing([one]),
            lambda one: store.write(one, maps_of(0)),
        ):
            with pytest.raises(MdepthError, match='the recording has changed'):
                use(key)


NAMES = [
    *('..', '.', '../../etc', '/etc', '.zattrs', 'a/b', 'a%2Fb', 'a b', 'Grüße/東京', 'stamp', ''),
    *('x' * 300, 'x' * 301, '東' * 90, 'new\nline', 'a\\b', '~'),
]


def test_names_of_drives_are_only_names(tmp_path: Path) -> None:
    store = LabelStore.create(tmp_path / 'in' / 'store', {'moving': Kind('mask', SIZE)}, ORIGIN)
    for number, name in enumerate(NAMES):
        store.add_drive(name, [number + 7])
        store.write((name, 0, number + 7), {'moving': np.full(SIZE, number % 2, bool)})
    again = LabelStore.open(store.path)
    assert [drive.name for drive in again.drives()] == sorted(NAMES)
    assert len([*store.path.glob('*/moving/0.0.0.0')]) == len(NAMES)
    assert [path.name for path in tmp_path.iterdir()] == ['in']
    for number, name in enumerate(NAMES):
        assert again.read((name, 0, number + 7))['moving'].all() == number % 2
    with pytest.raises(MdepthError, match='not UTF-8 text'):
        store.add_drive('\udcff', [1])


def changed(**maps: Any) -> dict[str, Any]:
    return maps_of(0) | maps


FULL = np.ones(SIZE, np.float32)


@pytest.mark.parametrize(
    ('maps', 'said'),
    [
        (changed(depth=FULL * 65520), 'depth holds 65520.0, too large for float16'),
        (changed(flow=np.stack([FULL, -7e4 * FULL])), 'flow holds -70000.0, too large'),
        (changed(depth=FULL * 0), 'not positive'),
        (changed(depth=FULL * 1e-9), 'not positive'),  # 0 in half precision
        (changed(flow=np.stack([FULL, np.inf * FULL])), 'infinite'),
        (changed(depth=FULL[None, :, :-1]), r'shape \(1, 6, 9\), not \(1, 6, 10\)'),
        (changed(flow=FULL), r'shape \(6, 10\), not \(2, 6, 10\)'),
        (changed(moving=FULL), 'moving is of float32, which is no bool'),
        (changed(moving=np.full(SIZE, 255)), 'moving holds 255, too large for bool'),
        (changed(instances=np.full(SIZE, 40000)), 'instances holds 40000, too large for int16'),
        (changed(normals=FULL), 'a frame has depth, flow, moving, instances, score, not'),
        ({'depth': FULL}, 'a frame has depth, flow, moving, instances, score, not depth'),
    ],
)
def test_what_cannot_be_stored_is_refused(
    store: LabelStore, maps: dict[str, Any], said: str
) -> None:
    with pytest.raises(MdepthError, match=said):
        store.write(keys_of('monday')[0], maps)
    assert store.missing(keys_of('monday')) == keys_of('monday')


@pytest.mark.parametrize('name', ['depth', 'moving'])
@pytest.mark.parametrize(
    'damage',
    [
        lambda data: b'',
        lambda data: data[:-3],
        lambda data: b'\xff' * 900,
        lambda data: data + b'x',
        lambda data: zlib.compress(zlib.decompress(data) + b'x'),
        lambda data: zlib.compress(bytes(10**8)),  # 100 MB in 100 KB
    ],
)
def test_a_damaged_map_is_named(store: LabelStore, name: str, damage: Any) -> None:
    key = keys_of('monday')[4]
    store.write(key, maps_of(4))
    path = store.path / 'monday' / name / '4.0.0.0'
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MdepthError, match=f'{path} is damaged: remove it'):
        store.read(key)
    path.unlink()
    assert store.missing(keys_of('monday')[4:5]) == [key]


def test_of_a_file_no_more_is_read_than_a_map_can_have(store: LabelStore) -> None:
    key = keys_of('monday')[4]
    store.write(key, maps_of(4))
    os.truncate(store.path / 'monday' / 'depth' / '4.0.0.0', 2**40)
    with pytest.raises(MdepthError, match='is damaged: remove it'):
        store.read(key)


def test_folders_that_are_no_stores(tmp_path: Path, store: LabelStore) -> None:
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'last.ckpt').touch()
    with pytest.raises(MdepthError, match='holds something else'):
        LabelStore.create(tmp_path / 'run', KINDS, ORIGIN)
    for content in (
        '',
        '{}',
        '[]',
        '{"mdepth_labels": {"format": 1, "origin": {}, "kinds": {"a": {}}}}',
    ):
        (tmp_path / 'run' / '.zattrs').write_text(content)
        with pytest.raises(MdepthError, match='is no label store'):
            LabelStore.open(tmp_path / 'run')
    (store.path / 'monday' / '.zattrs').write_text('{"drive": "monday", "view": "x"}')
    with pytest.raises(MdepthError, match='is damaged'):
        LabelStore.open(store.path).read(keys_of('monday')[0])


@pytest.mark.parametrize(
    'facts',
    [
        {'what': 'dpeth', 'size': (2, 2)},
        {'what': 'flow', 'size': (2, 2), 'channels': 3},
        {'what': 'mask', 'size': (2, 2), 'dtype': 'float16'},
        {'what': 'mask', 'size': (0, 2)},
        {'what': 'mask', 'size': (2,)},
        {'what': 'mask', 'size': (10**6, 10**6)},
        {'what': 'mask', 'size': (2, 2), 'step': 0.5},
        {'what': 'depth', 'size': (2, 2), 'step': -1},
        {'what': 'depth', 'size': (2, 3), 'step': 0.5, 'shrink': 2},
        {'what': 'depth', 'size': (2, 2), 'step': 0.5, 'shrink': 0},
        {'what': 'depth', 'size': (2, 2), 'shrink': 2},
    ],
)
def test_kinds_that_cannot_be(facts: dict[str, Any]) -> None:
    with pytest.raises(MdepthError):
        Kind(**facts)


@pytest.mark.parametrize('name', ['stamp', 'a/b', '..', 'Depth', ''])
def test_names_of_labels(tmp_path: Path, name: str) -> None:
    with pytest.raises(MdepthError, match='small letters'):
        LabelStore.create(tmp_path, {name: Kind('mask', SIZE)}, ORIGIN)


def test_what_an_origin_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / 'model'
    model.write_bytes(b'abc')
    state = {'describe': b'1234+', 'diff': b'one', 'ls-files': b'x'}
    monkeypatch.setattr(run_folder, '_git', lambda command, *_: state[command])
    origins = []
    for change in ({}, {'diff': b'two'}, {'describe': b'1234', 'diff': b''}):
        state.update(change)
        origins.append(make_origin('trial', data='d', settings={'a': (1, 2)}, model=model))
    # printf abc | sha256sum
    assert origins[0]['model'][:16] == 'ba7816bf8f01cfea'
    assert origins[0]['settings'] == {'a': [1, 2]}
    assert len({origin['code'] for origin in origins}) == 3
    assert origins[2]['code'] == '1234'
    stamps = {'a': [1, 2], 'b': [3]}
    assert identity_of(stamps) == identity_of({'a': np.array([1, 2]).tolist(), 'b': [3]})
    assert identity_of(stamps).startswith('2 drives, 3 frames, ')
    assert (
        len({identity_of(stamps), identity_of({'a': [1], 'b': [2, 3]}), identity_of({'b': [3]})})
        == 3
    )
