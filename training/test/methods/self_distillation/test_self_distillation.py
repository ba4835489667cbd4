# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The terms of the method on a batch by hand, and what it says where something is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mdepth_training.config import Data, Experiment, Training
from mdepth_training.data import Sample
from mdepth_training.labels import Kind, LabelStore, make_origin
from mdepth_training.methods.dynamic_regions.method import DynamicRegions
from mdepth_training.methods.self_distillation import method as module
from mdepth_training.methods.self_distillation.method import SelfDistillation
from mdepth_training.methods.self_distillation.settings import SelfDistillationSettings
from mdepth_training.optimiser import Timetable
from torch import Tensor
from torch.nn.functional import interpolate

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.networks import NetworkConfig

HEIGHT, WIDTH = 64, 96
CAMERA = Camera.from_normalised(WIDTH, HEIGHT, 0.58, 1.92, 0.5, 0.5)
NETWORK = NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1)
TINY = Experiment(
    input_size=(HEIGHT, WIDTH),
    network=NETWORK,
    method=SelfDistillationSettings(joint_from=0),
    training=Training(batch_size=2, steps=100, initial='', precision='fp32', colour=0.0),
)
PLAIN = {
    'pseudo': 'none',
    'mask_filter': 'none',
    'geometry_consistency': 0.0,
    'self_discovered_mask': False,
}


def method(step: int = 0, initial: str = '', **changes: object) -> SelfDistillation:
    torch.manual_seed(0)
    training = replace(TINY.training, initial=initial)
    experiment = replace(TINY, method=replace(TINY.method, **changes), training=training)
    times = Timetable.of(TINY.training, experiment.method, 1)
    learner = SelfDistillation(experiment, times)
    learner.step = step
    return learner.train()


def sample(**labels: Tensor) -> Sample:
    chance = torch.Generator().manual_seed(1)
    frames = [
        interpolate(torch.rand(2, 3, 16, 24, generator=chance), (HEIGHT, WIDTH), mode='bicubic')
        for _ in range(3)
    ]
    frames = [frame.clamp(0, 1) for frame in frames]
    return Sample(*frames, CAMERA.matrix().float().expand(2, 3, 3), labels=dict(labels))


def slope() -> Tensor:
    """A depth from 2 at the left to 8 at the right, a little more further down."""
    column, row = torch.linspace(2, 8, WIDTH), torch.linspace(0, 6 / WIDTH, HEIGHT)
    return (column + row[:, None]).expand(2, HEIGHT, WIDTH).clone()


def hills() -> Tensor:
    """A smooth map [2, 1, H, W] from 1 to 2."""
    noise = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(4))
    return 1 + interpolate(noise, (HEIGHT, WIDTH), mode='bilinear')


def coins() -> list[Tensor]:
    return [torch.zeros(2, dtype=torch.bool)] * 2


def asked(learner: SelfDistillation, given: Sample, depth: Tensor) -> Tensor:
    """The loss of a depth, after one pass that leaves views and prior."""
    torch.manual_seed(2)
    learner.loss(given, given, *coins())
    return learner.depth_loss(given, [depth])


def test_with_all_of_it_off_it_is_dynamic_regions() -> None:
    ours = method(**PLAIN)
    torch.manual_seed(0)
    theirs = DynamicRegions(ours.experiment, ours.timetable)
    given = sample()
    losses = []
    for learner in (ours, theirs):
        torch.manual_seed(2)
        losses.append(learner.loss(given, given, *coins()))
    assert torch.equal(*losses)
    assert not ours.settings.labels and not ours.settings.compares_depths


def test_a_depth_that_becomes_flat_does_not_take_its_pseudo_depth_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a depth is to learn has the spread of the one with which the run began."""
    given = sample(pseudo_depth=(0.3 * slope() + 0.7)[:, None])
    monkeypatch.setattr(module, 'depth_of', lambda *_, **__: slope())
    off = {'pseudo_normals': 0.0, 'pseudo_edges': 0.0}
    losses = []
    for initial in ('', 'model.safetensors'):
        learner = method(initial=initial, **{**PLAIN, 'pseudo': 'depth'}, **off)
        assert (learner.reference is None) == (not initial)
        flat = (2 + 0.3 * slope()).requires_grad_()
        losses.append(asked(learner, given, flat))
    losses[1].backward()
    far = flat.detach().log()
    assert losses[0] < 1e-6 and losses[1] > 0.01
    assert (flat.grad * (far - far.mean())).sum() < 0  # near nearer, far farther


def test_who_says_the_spread_of_pseudo_depth() -> None:
    """The model with which a run began, kept as it was; not where there is none."""
    learner = method(initial='model.safetensors')
    assert learner.reference is not None
    before = [value.clone() for value in learner.reference.state_dict().values()]
    learner.train().loss(given := sample(pseudo_depth=hills()), given, *coins())
    for value in learner.network.parameters():
        value.data += 1
    after = learner.reference.state_dict().values()
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert not any(value.requires_grad for value in learner.reference.parameters())
    assert not learner.reference.training
    assert method(initial='model.safetensors', pseudo='none').reference is None
    assert method(initial='imagenet').reference is None


@pytest.mark.parametrize('kind', ['depth', 'disparity'])
def test_pseudo_depth_of_any_scale_and_shift_pulls_what_stands(kind: str) -> None:
    """A depth that is the label but for a bump: the gradient presses on the bump alone."""
    depth = slope()
    value = depth if kind == 'depth' else 1 / depth
    label = (0.3 * value + 0.7)[:, None]
    label[:, :, :4] = torch.nan
    given = sample(**{f'pseudo_{kind}': label})
    off = {'pseudo_normals': 0.0, 'pseudo_edges': 0.0}
    learner = method(**{**PLAIN, 'pseudo': kind}, **off)
    assert learner.settings.labels == (f'pseudo_{kind}',)
    assert asked(learner, given, depth) < 1e-6
    bumped = depth.clone()
    bumped[:, 20:30, 40:50] *= 1.1
    bumped.requires_grad_()
    loss = asked(learner, given, bumped)
    pixels = 2 * (HEIGHT - 4) * WIDTH
    assert loss.item() == pytest.approx(
        0.5 * 200 * torch.tensor(1.1).log().item() / pixels, rel=0.1
    )
    loss.backward()
    assert (bumped.grad[:, 20:30, 40:50] > 0).all() and (bumped.grad[:, :4] == 0).all()


def test_it_forgets_by_its_factor() -> None:
    given = sample(pseudo_depth=torch.rand(2, 1, HEIGHT, WIDTH) + 1)
    losses = {}
    for step in (0, 60, 100):
        learner = method(step=step, **{**PLAIN, 'pseudo': 'depth'})
        learner(given)
        assert learner.state_dict()['forgetting'] == learner.forgetting
        torch.manual_seed(5)
        losses[step] = asked(learner, given, slope()).item()
        assert learner.forgetting.item() == pytest.approx(10 ** (-step / 60), rel=1e-5)
    assert losses[60] == pytest.approx(0.1 * losses[0], rel=1e-4)


def test_every_term_has_its_weight() -> None:
    given = sample(pseudo_depth=hills())
    names = ('pseudo_log_depth', 'pseudo_normals', 'pseudo_edges', 'pseudo_ranking')
    none = {**PLAIN, 'pseudo': 'depth', **dict.fromkeys(names, 0.0)}
    assert asked(method(**none), given, slope()) == 0
    for name in names:
        small, large = (asked(method(**none | {name: w}), given, slope()) for w in (0.1, 0.2))
        assert small > 0 and large.item() == pytest.approx(2 * small.item(), rel=1e-4)


def teach(learner: SelfDistillation, given: Sample, depth: Tensor, prior: Tensor) -> Tensor:
    torch.manual_seed(2)
    learner.loss(given, given, *coins())
    learner.prior = prior
    return learner.depth_loss(given, [depth])


def test_the_teacher_counts_more_and_more() -> None:
    given, prior = sample(), 3 * slope().flip(2)
    learners = {
        step: method(step=step, **PLAIN, teacher='ema', teacher_momentum=0.5)
        for step in (0, 5, 10, 50)
    }
    taught = {
        step: teach(learner, given, slope(), prior).item() for step, learner in learners.items()
    }
    assert taught[0] == 0 and taught[5] > 0
    assert taught[10] == pytest.approx(2 * taught[5], rel=1e-3)
    assert taught[50] == pytest.approx(taught[10], rel=1e-3)
    # Neither a factor on the prior nor what does not learn changes anything.
    other = teach(learners[50], given, slope(), 7 * prior)
    assert other.item() == pytest.approx(taught[50], rel=1e-3)


def test_an_ema_teacher_follows_once_in_a_step() -> None:
    learner = method(**PLAIN, teacher='ema', teacher_momentum=0.75)
    head, mean = (n.depth_decoder.heads[0] for n in (learner.network, learner.teacher))
    assert torch.equal(head.weight, mean.weight) and not mean.weight.requires_grad
    with torch.no_grad():
        head.weight += 1.0
    before = mean.weight.clone()
    given = sample()
    learner(given, 0)
    torch.testing.assert_close(mean.weight, before + 0.25)
    learner(given, 1)  # another batch of the same step
    torch.testing.assert_close(mean.weight, before + 0.25)
    assert learner.train().network.training and not learner.teacher.training
    assert not any(name.startswith('teacher') for name in learner._parts())


def test_the_pose_rests_in_the_last_part() -> None:
    given = sample()
    for step, rests in ((49, False), (50, True)):
        learner = method(step=step, **PLAIN, pose_until=0.5)
        norm = learner.network.motion_encoder.bn1
        before = norm.running_mean.clone()
        learner(given).backward()
        learner.rest()
        parts = (learner.network.motion_encoder, learner.network.pose_decoder)
        grads = [p.grad for part in parts for p in part.parameters()]
        assert all(g is None for g in grads) == rests
        assert torch.equal(norm.running_mean, before) == rests
        assert any(p.grad is not None for p in learner.network.depth_decoder.parameters())


@pytest.mark.parametrize('kind', ['rule', 'learned'])
def test_the_filter_chooses_what_the_pseudo_depth_teaches(kind: str) -> None:
    label = slope()[:, None] * (1 + torch.rand(2, 1, HEIGHT, WIDTH))
    learner = method(mask_filter=kind, pseudo_normals=0.0, pseudo_edges=0.0)
    depth = slope().requires_grad_()
    asked(learner, sample(pseudo_depth=label), depth).backward()
    static = learner.static[:, 0]
    assert 0.02 < static.float().mean() < 0.98
    assert (depth.grad[~static] == 0).all() and depth.grad[static].any()
    if learner.filter is not None:
        assert all(p.grad is not None for p in learner.filter.parameters())
        assert any(name.startswith('filter') for name in learner._parts())


def test_labels_of_dynamic_regions_are_learned_beside_it() -> None:
    label = torch.full((2, 1, HEIGHT, WIDTH), 8.0)
    label[:, :, 20:40, 30:60] = 3.0
    dynamic = torch.zeros(2, 1, HEIGHT, WIDTH)
    dynamic[:, :, 20:40, 30:60] = 1
    given = sample(depth_label=label, dynamic=dynamic, pseudo_depth=slope()[:, None])
    learner = method(**{**PLAIN, 'pseudo': 'depth'}, label_weight=0.1, pseudo_weight=0.0)
    assert learner.settings.labels == ('pseudo_depth', 'depth_label', 'dynamic')
    depth = torch.linspace(1, 10, WIDTH).expand(2, HEIGHT, WIDTH).clone().requires_grad_()
    asked(learner, given, depth).backward()
    assert (depth.grad[:, 20:40, 30:60] > 0).float().mean() > 0.9
    depth.grad[:, 20:40, 30:60] = 0
    assert (depth.grad == 0).all()


def test_the_validation_loss_has_no_part_that_is_forgotten() -> None:
    given = sample(pseudo_depth=torch.rand(2, 1, HEIGHT, WIDTH) + 1)
    learner, plain = method(pseudo_weight=100.0).eval(), method(pseudo='none').eval()
    losses = []
    for one in (learner, plain):
        torch.manual_seed(3)
        losses.append(one.validation_loss(given))
    assert torch.equal(*losses)


def test_the_card_says_that_it_is_a_reconstruction(tmp_path: Path) -> None:
    store_of(tmp_path, slope()[:, None])
    ours = method()
    experiment = replace(ours.experiment, data=Data(labels=(str(tmp_path / 'labels'),)))
    text, details = SelfDistillation(experiment, ours.timetable).describe()
    assert 'reconstruction of SS-MDE' in text
    assert details['pseudo-depth'] == 'depth of a test' and details['teacher'] == 'none'


def store_of(folder: Path, maps: Tensor) -> str:
    origin = make_origin('test', data='none', settings={})
    kinds = {'pseudo_depth': Kind('depth', (HEIGHT, WIDTH), 1, 'float32', 'depth of a test')}
    store = LabelStore.create(folder / 'labels', kinds, origin)
    store.add_drive('one', [0, 1])
    for key, depth in zip(keys(), maps, strict=True):
        store.write(key, {'pseudo_depth': depth})
    return str(folder / 'labels')


def keys() -> list:
    from mdepth_training.data.sample import Key

    return [Key('one', 0, 0), Key('one', 1, 1)]


def test_a_constant_pseudo_depth_is_one_line(tmp_path: Path) -> None:
    constant = torch.full((2, 1, HEIGHT, WIDTH), 3.0)
    ours = method()
    experiment = replace(ours.experiment, data=Data(labels=(store_of(tmp_path, constant),)))
    learner = SelfDistillation(experiment, ours.timetable)
    with pytest.raises(
        MdepthError, match=r'pseudo_depth in .* is constant or unknown in every fr'
    ):
        learner(sample(pseudo_depth=constant))
    with pytest.raises(MdepthError, match='learns from the labels pseudo_depth, which the data'):
        learner(sample())


def test_a_pseudo_depth_that_is_upside_down_is_one_line() -> None:
    learner = method(pseudo_normals=0.0, pseudo_edges=0.0)
    given = sample(pseudo_depth=(10 - slope())[:, None])
    asked(learner, given, slope())  # random weights know nothing that it could run against
    learner.shared = replace(learner.shared, initial='scene.safetensors')
    learner._pseudo_seen = False
    wrong = r'pseudo_depth runs against the depth of scene\.safetensors: it seems to be disparity'
    with pytest.raises(MdepthError, match=wrong):
        learner.depth_loss(given, [slope()])
    learner.depth_loss(sample(pseudo_depth=slope()[:, None]), [slope()])


def test_the_teacher_never_learns() -> None:
    learner = method(step=50, **PLAIN, teacher='ema', teacher_momentum=1.0)
    before = {k: v.clone() for k, v in learner.teacher.state_dict().items()}
    optimizer = learner.optimizer()
    learner(sample()).backward()
    optimizer.step()
    assert all(torch.equal(v, before[k]) for k, v in learner.teacher.state_dict().items())
    assert any(not torch.equal(v, before[k]) for k, v in learner.network.state_dict().items())
