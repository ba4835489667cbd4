# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The estimator feeds the networks what they were trained on and reads them rightly."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mdepth_ros import machine
from mdepth_ros.errors import MdepthError
from mdepth_ros.estimator import Estimator, EstimatorError, fused
from mdepth_ros.frame import Frame
from mdepth_ros.geometry import Camera, ImageSampler, rigid_flow
from mdepth_ros.model_file import ModelCard
from mdepth_ros.networks import JointDepthPose, NetworkConfig
from mdepth_ros.pairing import FramePair

HEIGHT, WIDTH = 64, 96
TRAINED = (0.8, 1.2, 0.5, 0.5)
CAMERA = Camera.from_normalised(WIDTH, HEIGHT, *TRAINED)
SMALL = NetworkConfig(width=0.125)


def card(**changes: Any) -> ModelCard:
    values: dict[str, Any] = {
        'name': 'test',
        'network': SMALL,
        'input_size': (HEIGHT, WIDTH),
        'camera': TRAINED,
        'frame_interval': 0.1,
        'method': 'none',
        'data': 'none',
        'licence': 'Apache-2.0',
    }
    return ModelCard(**{**values, **changes})


def random_network(config: NetworkConfig = SMALL) -> JointDepthPose:
    """Random weights, with batch norms that are not the identity and with cues."""
    torch.manual_seed(0)
    network = JointDepthPose(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    if network.cues is not None and network.cues.gate is not None:
        nn.init.constant_(network.cues.gate, 0.5)
    return network.eval()


class Oracle(nn.Module):
    """Says the same of every pair."""

    def __init__(self, depth: Tensor | float, pose: list[float]) -> None:
        super().__init__()
        self.config = SMALL
        self.register_buffer('inverse', 1 / torch.as_tensor(depth).expand(1, 1, HEIGHT, WIDTH))
        self.register_buffer('says', torch.tensor([pose]))

    def forward(self, previous: Tensor, current: Tensor, scales: int) -> Any:
        return [self.inverse] * scales, self.says

    def depth(self, disparity: Tensor) -> Tensor:
        return 1 / disparity


def estimator(network: Any = None, **options: Any) -> Estimator:
    return Estimator(network or random_network(), card(), **{'device': 'cpu', **options})


def oracle(depth: Tensor | float, pose: list[float]) -> Estimator:
    return estimator(Oracle(depth, pose), precision='fp32', refined=False)


def picture(camera: Camera, seed: int = 0) -> NDArray[np.uint8]:
    shape = (camera.height, camera.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def pair_of(camera: Camera, reason: str = '') -> FramePair:
    first, second = (Frame(i * 10**8, picture(camera, i), camera) for i in range(2))
    return FramePair(second, second, reason) if reason else FramePair(second, first, '', 0.1)


def test_shapes_kinds_and_units() -> None:
    source = Camera(250, 150, 200.0, 200.0, 124.5, 74.5)
    got = estimator()(pair_of(source))
    assert got.depth.shape == got.confidence.shape == got.seen.shape == (HEIGHT, WIDTH)
    assert got.depth.dtype == got.confidence.dtype == np.float32
    assert got.image.shape == (HEIGHT, WIDTH, 3) and got.image.dtype == np.uint8
    assert got.motion.shape == (4, 4) and got.motion.dtype == np.float64
    assert (got.camera.width, got.camera.height) == (WIDTH, HEIGHT)
    assert got.seen.all() and (got.depth > 0).all()
    assert got.confidence.min() >= 0 and got.confidence.max() <= 1
    assert set(got.timings) == {'sample', 'network', 'refine', 'post'}


def test_the_networks_get_the_pair_in_order_and_the_pose_is_turned_round() -> None:
    network = random_network()
    pair = pair_of(CAMERA)
    got = estimator(network, precision='fp32')(pair)

    def image(frame: Frame) -> Tensor:
        return torch.from_numpy(frame.image).permute(2, 0, 1)[None].float() / 255

    with torch.inference_mode():
        disparities, pose = network(image(pair.previous), image(pair.current))
        depth = network.depth(disparities[0])[0, 0].numpy()
    np.testing.assert_allclose(got.depth, depth, rtol=1e-3)
    np.testing.assert_array_equal(got.image, pair.current.image)
    # T_current_previous takes the previous camera's origin to the pose's translation.
    there = got.motion @ np.append(pose[0, 3:].numpy(), 1)
    np.testing.assert_allclose(there, [0, 0, 0, 1], atol=1e-5)


def test_a_frame_with_itself_does_not_move() -> None:
    got = oracle(5.0, [0.1, 0.2, 0.3, 1.0, 2.0, 3.0])(pair_of(CAMERA, 'first frame'))
    np.testing.assert_array_equal(got.motion, np.eye(4))
    np.testing.assert_allclose(got.depth, 5.0, rtol=1e-6)


@pytest.mark.parametrize('s', [0.7, 1.0, 1.2, 1.8])
@pytest.mark.parametrize(
    'pose',
    [
        [0.0, 0.0, 0.0, 0.3, -0.2, 0.8],
        [0.0, 0.0, 0.02, 0.1, 0.0, -0.5],
        [1e-3, -2e-3, 1e-3, 0.1, 0.2, 0.5],
    ],
)
def test_focal_correction_keeps_what_the_image_shows(s: float, pose: list[float]) -> None:
    """The flow that the network believes in, in the trained camera, is the flow in this camera."""
    generator = torch.Generator().manual_seed(1)
    believed = 5 + 10 * torch.rand(HEIGHT, WIDTH, generator=generator)
    source = Camera.from_normalised(WIDTH, HEIGHT, TRAINED[0] * s, TRAINED[1] * s, 0.5, 0.5)
    got = oracle(believed, pose)(pair_of(source))
    plain = oracle(believed, pose)(pair_of(CAMERA))
    assert got.camera == source and plain.camera == CAMERA
    np.testing.assert_allclose(got.depth, s * believed.numpy(), rtol=1e-5)

    def flow(depth: NDArray[np.float32], motion: NDArray[np.float64], camera: Camera) -> Tensor:
        T = torch.from_numpy(motion).float()[None]
        return rigid_flow(torch.from_numpy(depth)[None], T, camera.matrix())

    seen = flow(plain.depth, plain.motion, CAMERA)
    corrected = flow(got.depth, got.motion, source)
    # Exact without rotations about x and y; with them near the optical axis.
    near = np.s_[...] if pose[0] == 0 else np.s_[..., 22:42, 36:60]
    assert (seen - corrected)[near].abs().max() < (2e-4 if pose[0] == 0 else 0.01)
    assert seen[near].abs().max() > 0.5


def test_a_camera_far_from_the_trained_one_is_a_warning_said_once() -> None:
    one = oracle(5.0, [0.0] * 6)
    one(pair_of(CAMERA))
    assert one.warnings == []
    far = Camera.from_normalised(WIDTH, HEIGHT, 1.6, 2.4, 0.5, 0.5)
    for camera in (far, CAMERA, far):
        one(pair_of(camera))
    assert len(one.warnings) == 1 and '2.00 times the focal length' in one.warnings[0]


def test_confidence_compares_with_the_depth_of_the_frame_before() -> None:
    """A wall that comes nearer by 0.5: believed where the depth of before says so."""
    frames = [Frame(i * 10**8, picture(CAMERA, i), CAMERA) for i in range(3)]
    pose = [0.0, 0.0, 0.0, 0.0, 0.0, -0.5]
    pairs = [FramePair(b, a, '', 0.1) for a, b in pairwise(frames)]

    def confidences(first: float, second: float) -> tuple[Any, Any]:
        network = Oracle(first, pose)
        one = estimator(network, precision='fp32')
        before = one(pairs[0]).confidence
        one._network.inverse.fill_(1 / second)  # type: ignore[union-attr, operator]
        return before, one(pairs[1]).confidence

    unknown, right = confidences(10.5, 10.0)
    known, wrong = confidences(20.0, 10.0)
    np.testing.assert_allclose(unknown, known, atol=1e-5)
    assert wrong.mean() < right.mean() - 0.01
    # A frame that nobody saw the depth of is no worse than one paired with itself.
    alone = oracle(10.0, pose)(FramePair(frames[2], frames[2], 'first frame'))
    stranger = oracle(10.0, pose)(pairs[1])
    np.testing.assert_array_equal(alone.confidence, stranger.confidence)


def test_what_the_sensor_does_not_show_is_named() -> None:
    """A rectified camera with a wider view than the lens has."""
    lens = Camera(WIDTH, HEIGHT, 100.0, 100.0, 47.5, 31.5)
    wide = Camera(
        WIDTH,
        HEIGHT,
        100.0,
        100.0,
        47.5,
        31.5,
        'plumb_bob',
        (1e-9,),
        rectified=(50, 50, 47.5, 31.5),
    )
    assert oracle(5.0, [0.0] * 6)(pair_of(lens)).seen.all()
    seen = oracle(5.0, [0.0] * 6)(pair_of(wide)).seen
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[16:48, 24:72] = True
    np.testing.assert_array_equal(seen, inside)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    calls: list[Tensor] = []
    original: Callable[..., Tensor] = ImageSampler.__call__

    def call(self: ImageSampler, image: Tensor) -> Tensor:
        calls.append(image)
        return original(self, image)

    monkeypatch.setattr(ImageSampler, '__call__', call)
    return calls


def test_a_frame_is_sampled_once_and_a_view_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = oracle(5.0, [0.0] * 6)
    calls = counted(monkeypatch)
    frames = [Frame(i, picture(CAMERA, i), CAMERA) for i in range(6)]
    for before, after in pairwise(frames):
        one(FramePair(after, before, '', 0.1))
    # One more: the white image that tells what the sensor shows.
    assert len(calls) == len(frames) + 1


def test_views_of_many_cameras_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    one = oracle(5.0, [0.0] * 6)
    cameras = [Camera(WIDTH, HEIGHT, 77.0 + i, 77.0, 47.5, 31.5) for i in range(12)]
    for camera in cameras:
        one(pair_of(camera))
    calls = counted(monkeypatch)
    one(pair_of(cameras[-1]))
    assert len(calls) == 2
    one(pair_of(cameras[0]))
    assert len(calls) == 5


def test_a_batch_says_of_each_pair_what_it_says_alone() -> None:
    one = estimator(precision='fp32')
    other = Camera(WIDTH, HEIGHT, 70.0, 70.0, 47.5, 31.5)
    pairs = [
        pair_of(CAMERA),
        pair_of(other),
        FramePair(Frame(2, picture(CAMERA, 5), CAMERA), Frame(2, picture(CAMERA, 5), CAMERA), 'x'),
    ]
    together = one.batch(pairs)
    for pair, seen in zip(pairs, together, strict=True):
        alone = one(pair)
        assert seen.camera == alone.camera
        np.testing.assert_allclose(seen.depth, alone.depth, rtol=1e-4)
        np.testing.assert_allclose(seen.motion, alone.motion, atol=1e-6)
        np.testing.assert_allclose(seen.confidence, alone.confidence, atol=1e-3)
        np.testing.assert_array_equal(seen.image, alone.image)
    # Alone in a batch nothing differs at all.
    (single,) = one.batch(pairs[:1])
    assert single.depth.tobytes() == one(pairs[0]).depth.tobytes()
    assert not np.array_equal(together[0].depth, together[1].depth)


def test_parts_that_nobody_wants_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    one = estimator(precision='fp32')
    whole = one(pair_of(CAMERA))
    monkeypatch.setattr('mdepth_ros.estimator.confidence', None)  # nor computed
    seen = one(pair_of(CAMERA), parts={'image'})
    assert seen.confidence.size == 0 and seen.image.shape == (HEIGHT, WIDTH, 3)
    assert seen.depth.tobytes() == whole.depth.tobytes()
    seen = one(pair_of(CAMERA), parts=())
    assert seen.confidence.size == seen.image.size == 0
    assert seen.motion.tobytes() == whole.motion.tobytes()


def test_frames_are_let_go() -> None:
    one = oracle(5.0, [0.0] * 6)
    alive = []
    for _ in range(3):
        pair = pair_of(CAMERA)
        one(pair)
        alive += [weakref.ref(pair.current), weakref.ref(pair.previous)]
    del pair
    gc.collect()
    assert all(reference() is None for reference in alive)
    # Nor does what is kept grow where the caller keeps all frames.
    frames = [Frame(i, picture(CAMERA), CAMERA) for i in range(40)]
    for frame in frames:
        one(FramePair(frame, frame, 'alone'))
    assert len(one._samples) <= 16


def test_read_only_and_mirrored_images() -> None:
    image = picture(CAMERA)
    locked = image.copy()
    locked.flags.writeable = False
    mirrored = image[:, :, ::-1].copy()[:, :, ::-1]
    one = estimator(precision='fp32')
    depths = [
        one(FramePair(frame, frame, 'alone')).depth
        for frame in (Frame(0, view, CAMERA) for view in (image, locked, mirrored))
    ]
    np.testing.assert_array_equal(depths[0], depths[1])
    np.testing.assert_array_equal(depths[0], depths[2])


def test_an_image_of_another_size_than_its_camera() -> None:
    frame = Frame(0, np.zeros((10, 20, 3), np.uint8), CAMERA)
    with pytest.raises(EstimatorError, match=r'camera_info'):
        oracle(5.0, [0.0] * 6)(FramePair(frame, frame, 'alone'))


@pytest.mark.parametrize('encoder', ['resnet18', 'resnet50'])
def test_folding_the_batch_norms_changes_nothing(encoder: str) -> None:
    network = random_network(NetworkConfig(encoder=encoder, width=0.125))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    quick = fused(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    images = torch.rand(2, 2, 3, HEIGHT, WIDTH)
    with torch.inference_mode():
        (wanted, *_), motion = network(*images)
        (got, *_), quick_motion = quick(*images)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(quick_motion, motion, rtol=1e-3, atol=1e-6)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_bf16_is_fp32_but_for_rounding() -> None:
    pair = pair_of(CAMERA)
    full, half = (estimator(precision=name)(pair) for name in ('fp32', 'bf16'))
    difference = np.abs(half.depth / full.depth - 1)
    assert 0 < np.median(difference) < 0.01
    np.testing.assert_allclose(half.motion, full.motion, atol=1e-3)


def test_twice_is_the_same_bit_for_bit() -> None:
    pair = pair_of(CAMERA)
    one, two = estimator()(pair), estimator()(pair)
    for name in ('depth', 'motion', 'confidence', 'image'):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_weights_that_give_no_numbers_are_refused(value: float) -> None:
    network = random_network()
    with torch.no_grad():
        network.depth_encoder.conv1.weight[0, 0, 0, 0] = value
    with pytest.raises(EstimatorError, match='non-finite'):
        estimator(network)


def test_devices_and_precisions_that_are_not_there() -> None:
    with pytest.raises(MdepthError, match='unknown device'):
        machine.choose_device('tpu')
    if not torch.cuda.is_available():
        with pytest.raises(MdepthError, match='use cpu or auto'):
            machine.choose_device('cuda')
        assert machine.choose_device('auto') == torch.device('cpu')
    cpu = torch.device('cpu')
    with pytest.raises(MdepthError, match='fp16 is for CUDA'):
        machine.choose_precision('fp16', cpu)
    with pytest.raises(MdepthError, match='unknown precision'):
        machine.choose_precision('int8', cpu)
    assert machine.choose_precision('auto', torch.device('cuda')) == 'fp16'
    expected = 'bf16' if machine.fast_bf16() else 'fp32'
    assert machine.choose_precision('auto', cpu) == expected


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        assert machine.set_threads(1) == torch.get_num_threads() == 1
        monkeypatch.setenv('OMP_NUM_THREADS', '1')
        assert machine.set_threads(None) == 1
        monkeypatch.delenv('OMP_NUM_THREADS')
        assert machine.set_threads(None) == min(machine.usable_cores(), 8)
        with pytest.raises(MdepthError, match='one or more'):
            machine.set_threads(0)
    finally:
        torch.set_num_threads(before)
