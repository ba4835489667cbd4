# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps in steps: how far they are from what was written, and what is kept as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mdepth_training.labels import Kind, LabelStore

from mdepth_ros.errors import MdepthError

SMALL, LARGE = (12, 20), (24, 512)
KEY = ('monday', 0, 7)


def stored(path: Path, kinds: dict[str, Kind], **maps: np.ndarray) -> dict[str, np.ndarray]:
    store = LabelStore.create(path, kinds, {'method': 'trial'})
    store.add_drive('monday', [7])
    store.write(KEY, maps)  # type: ignore[arg-type]
    return LabelStore.open(path).read(KEY)  # type: ignore[arg-type]


def test_a_small_map_is_in_128ths_of_an_octave_and_16ths_of_a_pixel(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    depth = np.exp(random.uniform(-3, 5, (1, *SMALL))).astype(np.float32)
    depth[0, 0, :4] = np.nan, np.inf, 65504, 6e-8  # the last two end the range of float16
    flow = random.normal(0, 3, (2, *SMALL)).astype(np.float32)
    flow[:, 0, 0], flow[:, 1:3, 3] = np.nan, 0.03
    kinds = {name: Kind.rounded(name, SMALL) for name in ('depth', 'flow')}
    read = stored(tmp_path, kinds, depth=depth, flow=flow)
    assert read['depth'].dtype == read['flow'].dtype == np.float16
    assert np.isnan(read['depth'][0, 0, 0]) and np.isposinf(read['depth'][0, 0, 1])
    assert float(read['depth'][0, 0, 2]) > 65000 and 0 < float(read['depth'][0, 0, 3]) < 7e-8
    ratio = np.abs(np.log2(read['depth'][0, 1:].astype(np.float64) / depth[0, 1:]))
    assert 1 / 300 < ratio.max() <= 1 / 256 + 1.5e-3  # half precision, twice
    assert np.isnan(read['flow'][:, 0, 0]).all() and np.isnan(read['flow']).sum() == 2
    known = ~np.isnan(flow)
    assert (
        np.abs(read['flow'] - flow)[known].max() <= 1 / 32 + 4e-3
    )  # of the half precision before
    assert (read['flow'][:, 1:3, 3] == 0).all()  # stands still


def test_at_half_the_size_nothing_hangs_between_two_surfaces(tmp_path: Path) -> None:
    """A wall at 8 in front of ground whose depth falls towards the camera."""
    rows = np.arange(LARGE[0])[:, None] + 20.0
    ground = np.broadcast_to(400 / rows, LARGE).astype(np.float32)
    depth = ground.copy()
    depth[5:14, 101:203] = 8
    depth[20, 300], depth[0, 400:] = np.nan, np.inf
    kind = Kind.rounded('depth', LARGE)
    assert kind.stored_shape == (1, 12, 256) and kind.shape == (1, *LARGE)
    read = stored(tmp_path, {'depth': kind}, depth=depth)['depth'][0].astype(np.float64)
    nearer = [np.abs(np.log(read / surface)) for surface in (ground, np.float32(8))]
    known = np.isfinite(read)
    assert np.minimum(*nearer)[known].max() < 0.05
    wall = nearer[1] < nearer[0]
    assert wall[6:12, 104:200].all() and (wall != (depth == 8)).sum() < 2 * (102 + 9)
    assert (
        np.abs(np.log(read[15:20, :250] / depth[15:20, :250])).max() < 0.01
    )  # the ground is no staircase
    # Within the cells of what is unknown and beyond, and nowhere else.
    assert np.isnan(read).sum() == 4 and np.isposinf(read[:2, 400:]).all()
    assert np.isfinite(read[2:, 400:]).all()


def test_zarr_reads_the_steps(tmp_path: Path) -> None:
    zarr = pytest.importorskip('zarr')
    random = np.random.default_rng(1)
    depth = np.exp(random.uniform(-9, 9, (1, *SMALL))).astype(np.float16)
    depth[0, 0, :2] = np.nan, np.inf
    flow = random.uniform(-900, 900, (2, *SMALL)).astype(np.float16)
    kinds = {name: Kind.rounded(name, SMALL) for name in ('depth', 'flow')}
    read = stored(tmp_path, kinds, depth=depth, flow=flow)
    monday = zarr.open_group(str(tmp_path), mode='r')['monday']
    steps = monday['depth'][0].astype(np.float64)
    assert steps[0, 0, :2].tolist() == [-16000, 16000]
    seen = 2 ** (steps * monday['depth'].attrs['step'])
    np.testing.assert_allclose(seen[0, 1:], read['depth'][0, 1:], rtol=1e-3)
    np.testing.assert_array_equal(monday['flow'][0] * monday['flow'].attrs['step'], read['flow'])


@pytest.mark.parametrize(('what', 'value', 'step'), [('flow', 2001, 1 / 8), ('depth', 100, 1e-4)])
def test_what_has_too_many_steps_is_refused(
    tmp_path: Path, what: str, value: float, step: float
) -> None:
    kind = Kind(what, SMALL, step=step)
    with pytest.raises(MdepthError, match=f'one holds numbers too large for steps of {step}'):
        stored(tmp_path, {'one': kind}, one=np.full(kind.shape, value, np.float32))
