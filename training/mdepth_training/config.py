# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One experiment as typed values: read from YAML, overridden on the command line, saved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import FRAME_INTERVAL, check_input_size
from mdepth_ros.networks import NetworkConfig
from mdepth_ros.texts import TextError, dump_yaml, read_yaml
from mdepth_training.files import write_whole
from mdepth_training.methods import settings_class
from mdepth_training.methods.settings import MethodSettings
from mdepth_training.settings import build, from_text, markdown_table, setting

DEFAULT_METHOD = 'implicit_cues'


@dataclass(frozen=True)
class SyntheticData:
    """Drives of the synthetic world; only their images reach the training."""

    drives: int = setting(200, 'how many drives are rendered', 1, 10**6)
    frames: int = setting(32, 'frames of each drive', 3, 10**6)
    first_seed: int = setting(0, 'seed of the first drive, the next has the next', 0, 10**12)
    appearance: float = setting(0.0, 'looks of the world: 0 plain, 1 broadly randomised', 0, 1)
    least_appearance: float | None = setting(
        None, 'each drive draws its looks from this to `appearance`; none: all have that', 0, 1
    )
    cameras: float = setting(
        0.0, "how far the drives' cameras differ: 0 not, 1 up to twice the focal length", 0, 1
    )
    moving: float = setting(1.0, 'share of the usual moving objects', 0, 10)


@dataclass(frozen=True)
class SourceSettings:
    """Where frames come from."""

    recordings: tuple[str, ...] = setting(
        (),
        'KITTI, Cityscapes, folders of images, videos, bags, folders of `extract`; patterns such '
        'as drives/*.mcap are fine; none: the synthetic world',
    )
    split: str = setting('', "a split list such as Eigen-Zhou's; none: every frame is used")
    validation: tuple[str, ...] = setting((), 'recordings for the validation loss')
    validation_split: str = setting(
        '', 'a split list for the validation loss; alone, it is of the same recordings'
    )
    skip_static: bool = setting(True, 'leave out frames in which the camera stands still')
    synthetic: SyntheticData = field(default_factory=SyntheticData)


@dataclass(frozen=True)
class MixedSource(SourceSettings):
    """One of several sources that are learned from in one run."""

    name: str = setting('', 'what it is called in metrics.csv; none: recordings or synthetic')
    weight: float = setting(1.0, 'its share of what is learned, beside those of the others', 1e-6)


@dataclass(frozen=True)
class Data(SourceSettings):
    """What the networks see."""

    sources: tuple[MixedSource, ...] = setting(
        (),
        'several at once, instead of the settings above: each has those and its own `weight` (and '
        '`name`); a batch is drawn from all of them',
    )
    labels: tuple[str, ...] = setting(
        (), 'label stores, for a method that reads labels: those that `mdepth-train run` makes'
    )
    frame_interval: float = setting(
        0.1, 'seconds between the frames of a triplet', *FRAME_INTERVAL
    )
    workers: int = setting(
        2, 'processes that decode images; 0: none but the one that learns', 0, 1024
    )

    @property
    def parts(self) -> dict[str, Data]:
        """Each of the sources by its name, as if it were the only one; just this one if none."""
        names = [s.name or ('recordings' if s.recordings else 'synthetic') for s in self.sources]
        if len(set(names)) < len(names):
            raise MdepthError('two of data.sources have one name: give each a `name` of its own')
        shared = [item.name for item in fields(SourceSettings)]
        return {
            name: replace(self, sources=(), **{each: getattr(one, each) for each in shared})
            for name, one in zip(names, self.sources, strict=True)
        } or {'': self}

    @property
    def recorded(self) -> bool:
        """Whether recordings are learned from, perhaps among others."""
        return any(part.recordings for part in self.parts.values())

    @property
    def rendered(self) -> Data | None:
        """The part of the synthetic world; None where there is none."""
        return next((part for part in self.parts.values() if not part.recordings), None)


@dataclass(frozen=True)
class Training:
    """How the networks learn; the defaults are those of the small network."""

    steps: int = setting(6000, 'steps of the optimiser', 1, 10**9)
    epochs: int = setting(
        0, 'if not 0, the length in passes over the data, instead of `steps`', 0, 10**6
    )
    restart: bool = setting(
        False, 'start the schedule of the learning rate anew at each stage of the method'
    )
    new_optimiser: bool = setting(
        False, "begin each stage of the method with a new Adam; else it keeps the last one's means"
    )
    clip: float = setting(0.0, 'largest norm of the gradient, longer ones are cut; 0: none', 0)
    initial: str = setting(
        '',
        'weights to begin with: a model file, a ResNet of ImageNet (.pth, .safetensors), a '
        'folder in the layout of Monodepth2, or imagenet to download; none: by chance',
    )
    batch_size: int = setting(8, 'samples of one device and step', 1, 2**16)
    accumulate: int = setting(1, 'batches whose gradients make one step', 1, 2**16)
    learning_rate: float = setting(1e-3, 'of Adam', 1e-9, 1)
    schedule: Literal['cosine', 'step'] = setting(
        'cosine', 'how the rate falls to `final_rate`: along a cosine, or at once at `drop_at`'
    )
    final_rate: float = setting(0.05, 'share of the rate that is left at the end', 0, 1)
    drop_at: float = setting(0.75, 'schedule step: the share of the schedule at the rate', 0, 1)
    warm_up: int = setting(100, 'steps in which the rate rises from nothing', 1, 10**9)
    weight_decay: float = setting(0.0, "Adam's, on the weights of convolutions alone", 0, 1)
    colour: float = setting(0.2, 'jitter of brightness, contrast and saturation: 1 +- this', 0, 1)
    hue: float = setting(0.1, 'jitter of the hue, in turns', 0, 0.5)
    noise: float = setting(
        0.0, 'noise that half of the samples are seen with: each grain deviates up to this', 0, 1
    )
    seed: int = setting(0, 'decides all chance: start, order, augmentation', 0, 10**12)
    precision: Literal['auto', 'fp32', 'bf16', 'fp16'] = setting(
        'auto', 'number format of the networks; auto: the fastest this machine has'
    )
    channels_last: bool = setting(True, 'memory layout of images and weights: faster so')
    compile: bool = setting(False, 'compile networks and losses (torch.compile)')
    devices: int = setting(1, 'GPUs, or on a CPU processes, of one machine; -1: all', -1, 1024)
    nodes: int = setting(
        1,
        'machines; the same command is started on each, by SLURM, torchrun or with NODE_RANK',
        1,
        2**16,
    )
    save_every: int = setting(250, 'steps between checkpoints', 1, 10**9)
    validate_every: int = setting(1000, 'steps between validation losses', 1, 10**9)
    images_every: int = setting(500, 'steps between pictures for TensorBoard; 0: none', 0, 10**9)

    def __post_init__(self) -> None:
        if self.devices == 0:
            raise MdepthError('training.devices is 0: give a number of devices, or -1 for all')


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what a run learns."""

    name: str = setting('experiment', 'name of the model and of its file')
    input_size: tuple[int, int] = setting(
        (96, 320), "height and width of the network's images, multiples of 32"
    )
    camera: tuple[float, float, float, float] = setting(
        (0.58, 1.92, 0.5, 0.5),
        'fx/W, fy/H, (cx+.5)/W, (cy+.5)/H of the synthetic world; recordings bring their own',
    )
    method: MethodSettings = field(default_factory=lambda: settings_class(DEFAULT_METHOD)())
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: Data = field(default_factory=Data)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if not self.name or set(self.name) & set('/\\'):
            raise MdepthError(f'name {self.name!r}: it names the model file, so give a plain word')
        check_input_size(*self.input_size)


def read_mapping(path: Path, what: str) -> dict[str, Any]:
    """The names and values of a YAML file; `what` it is, in words. Raises MdepthError."""
    try:
        values = read_yaml(path) or {}
    except OSError as error:
        raise MdepthError(f'cannot read the {what} {path}: {error.strerror}') from error
    except TextError as error:
        raise MdepthError(f'{path} cannot be used: {error}') from None
    if not isinstance(values, dict):
        raise MdepthError(f'{path} must be a mapping of names to values')
    return values


def load_experiment(path: Path | None, overrides: list[str] | None = None) -> Experiment:
    """Read an experiment (None: the defaults); overrides look like `training.steps=100`.

    Raises MdepthError for a missing file, an unknown key or a value of the wrong type.
    """
    values = {} if path is None else read_mapping(path, 'configuration')
    if isinstance(values.get('data'), list):
        values['data'] = {'sources': values['data']}
    method = _method_of(values, overrides or [])
    for override in overrides or []:
        key, equals, value = override.partition('=')
        if not equals:
            raise MdepthError(f'{override!r} sets nothing: write it as training.steps=100')
        *parents, last = key.split('.')
        node = values
        try:
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = from_text(Experiment, key, value, {'method': method})
        except TextError as error:
            raise MdepthError(
                f'cannot set {override!r} ({error}): write it as training.steps=100'
            ) from None
        except (AttributeError, TypeError):
            raise MdepthError(f'cannot set {override!r}: write it as training.steps=100') from None
    _refuse_moved(path, values, method)
    return build(Experiment, values, chosen={'method': method})  # type: ignore[no-any-return]


def _method_of(values: dict[str, Any], overrides: list[str]) -> type[MethodSettings]:
    """The settings of the method that a configuration and its overrides name."""
    block = values.get('method')
    name = block.get('name') if isinstance(block, dict) else None
    for override in overrides:
        if override.startswith('method.name='):
            name = override.partition('=')[2]
    return settings_class(str(name or DEFAULT_METHOD))


def _refuse_moved(path: Path | None, values: dict[str, Any], method: type[MethodSettings]) -> None:
    """Say the new names of settings that were in `training` before there were several methods."""
    own = {item.name for item in fields(method)} - {item.name for item in fields(Training)}
    training = values.get('training')
    if moved := [name for name in training if name in own] if isinstance(training, dict) else []:
        lines = ', '.join(f'training.{name} is method.{name} now' for name in moved)
        raise MdepthError(f'{path} cannot be used as it is: {lines}')


def save_experiment(experiment: Experiment, path: Path) -> None:
    """Write the resolved experiment as YAML, so that the same run can be made again."""
    write_whole(path, dump_yaml(asdict(experiment)))


if __name__ == '__main__':  # the table of training/README.md
    print(markdown_table(Experiment, {'method': settings_class(DEFAULT_METHOD)}))
