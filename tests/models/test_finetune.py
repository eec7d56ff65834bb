"""The ``finetune`` regime: what learns, what is kept, what is seen, and how it is resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from evaluation.errors import ModelError, VeilleWarning
from evaluation.models import Loading, load_model
from evaluation.models.supervised import finetune, trunks
from evaluation.models.supervised.classifier import SupervisedClassifier
from evaluation.models.supervised.trainer import last_parts
from evaluation.models.supervised.trunks import create_trunk
from evaluation.records import (
    AugmentationSpec,
    ModelSpec,
    Sample,
    TrainingPhotos,
    TrainingSpec,
)
from tests.conftest import REPOSITORY

CLASSES = ("clair", "sombre")
TINY = "timm:test_resnet"


def _photo(sample: Sample) -> Image.Image:
    """Noise around a grey that tells the class."""
    number = int(sample.digest)
    level = 170 if sample.label == "clair" else 80
    pixels = np.random.default_rng(number).normal(level, 40, (64, 64, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _samples(start: int, n: int, classes: tuple[str, ...] = CLASSES) -> tuple[Sample, ...]:
    return tuple(
        Sample(
            id=f"p{i}", image=Path(f"{i}.png"), label=classes[i % len(classes)], digest=str(i),
            pixels=str(i), width=64, height=64,
        )
        for i in range(start, start + n)
    )  # fmt: skip


def _photos(**changes: Any) -> TrainingPhotos:
    photos = TrainingPhotos(
        classes=CLASSES,
        train=_samples(0, 16),
        validation=_samples(100, 8),
        load=_photo,
        seed=5,
    )
    return replace(photos, **changes)


def _spec(augmentation: AugmentationSpec | None = None, **training: Any) -> ModelSpec:
    declared = {"epochs": 4, "batch_size": 8, "learning_rate": 3e-3, "blocks": 2, **training}
    return ModelSpec(
        name="essai",
        kind="supervised",
        architecture=TINY,
        weights="random",
        title="Essai",
        training=TrainingSpec(regime="finetune", **declared),
        augmentation=augmentation,
    )


Watch = Callable[[int, int, str], None]


def _silent(_done: int, _total: int, _note: str) -> None:
    pass


def _load(
    cache: Path,
    spec: ModelSpec,
    photos: TrainingPhotos | None = None,
    *,
    resume: bool = True,
    watch: Watch = _silent,
) -> SupervisedClassifier:
    model = load_model(
        spec,
        Loading(
            cache=cache,
            device="cpu",
            offline=True,
            photos=photos or _photos(),
            resume=resume,
            watch=watch,
        ),
    )
    assert isinstance(model, SupervisedClassifier)
    return model


def _outputs(model: SupervisedClassifier) -> np.ndarray:
    """The logits of photos that it has not seen."""
    head = model.head(CLASSES, seed=5)
    pixels = torch.stack([model.preprocess(_photo(one)) for one in _samples(200, 6)])
    return head.logits(model.embed_images(pixels))


def _curve(model: SupervisedClassifier) -> list[Any]:
    record = model.head(CLASSES, seed=5).training
    assert record is not None
    return list(record.epochs)


AUGMENTED = AugmentationSpec(flip=True, crop=0.7, colour=0.1)


@pytest.fixture
def scarce_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than three photos go through a network that learns."""
    forward = nn.Sequential.forward

    def scarce(network: nn.Sequential, pixels: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() and hasattr(network, "head") and len(pixels) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(network, pixels)

    monkeypatch.setattr(nn.Sequential, "forward", scarce)


def test_a_lack_of_memory_changes_no_result(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Gradients of parts of a batch add up to those of the whole."""
    whole = _curve(_load(tmp_path / "whole", _spec(epochs=2)))
    request.getfixturevalue("scarce_memory")
    parts = _curve(_load(tmp_path / "parts", _spec(epochs=2)))
    assert [one.train_loss for one in parts] == pytest.approx([one.train_loss for one in whole])
    assert [one.validation_loss for one in parts] == pytest.approx(
        [one.validation_loss for one in whole], rel=1e-4
    )


@pytest.mark.usefixtures("scarce_memory")
def test_norms_that_learn_need_the_whole_batch(tmp_path: Path) -> None:
    """Their statistics would be those of other batches: one line says so instead."""
    with pytest.raises(ModelError, match=r"8 photos do not fit .* batch norms that learn"):
        _load(tmp_path, _spec(blocks=None, epochs=1))


def test_it_learns(tmp_path: Path) -> None:
    """From random weights, two kinds of photos are told apart, those it has not seen too."""
    model = _load(tmp_path, _spec(blocks=None, epochs=8))
    curve = _curve(model)
    assert curve[-1].train_loss < 0.7 * curve[0].train_loss
    truth = [CLASSES.index(one.label) for one in _samples(200, 6)]
    assert (_outputs(model).argmax(axis=1) == truth).all()


def test_two_trainings_give_the_same_predictions(tmp_path: Path) -> None:
    """In two caches, augmentation and moving average included: equal to the bit."""
    one, other = (_load(tmp_path / name, _spec(AUGMENTED, ema=0.9)) for name in "ab")
    assert np.array_equal(_outputs(one), _outputs(other))
    assert one.fingerprint == other.fingerprint
    assert _curve(one) == _curve(other)


class _Killed(BaseException):
    """What stops a training where it is."""


def _killer(at: int) -> Watch:
    def watch(done: int, _total: int, _note: str) -> None:
        if done == at:
            raise _Killed

    return watch


@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_interrupted_training_continues_the_same_curve(tmp_path: Path, at: int) -> None:
    """Stopped after any epoch and taken up again: the same curve, the same predictions."""
    spec = _spec(AUGMENTED, ema=0.8, label_smoothing=0.1)
    whole = _load(tmp_path / "whole", spec)
    with pytest.raises(_Killed):
        _load(tmp_path / "cut", spec, watch=_killer(at))
    done: list[int] = []
    resumed = _load(tmp_path / "cut", spec, watch=lambda n, _total, _note: done.append(n))
    assert done == [at, *range(at + 1, 5)]
    assert _curve(resumed) == _curve(whole)
    assert np.array_equal(_outputs(resumed), _outputs(whole))


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {repository!r})
from tests.models import test_finetune as t
def watch(done, total, note):
    print(done, flush=True)
    if {held} and done == 1:
        sys.stdin.readline()
t._load(Path({cache!r}), t._spec(t.AUGMENTED, epochs=8), watch=watch)
"""


def _start(cache: Path, *, held: bool = False) -> subprocess.Popen[str]:
    """A process that trains, and tells its epochs; ``held``, it waits after the first."""
    script = SCRIPT.format(repository=str(REPOSITORY), cache=str(cache), held=held)
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )


def _wait_for(process: subprocess.Popen[str], epoch: int) -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline()) and int(line) < epoch:
        pass


def test_a_killed_process_leaves_a_training_that_continues(tmp_path: Path) -> None:
    """SIGKILL in the middle of an epoch: the next process takes up where it was."""
    cache = tmp_path / "cache"
    process = _start(cache)
    _wait_for(process, 3)
    time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    seen: list[int] = []
    spec = _spec(AUGMENTED, epochs=8)
    resumed = _load(cache, spec, watch=lambda n, _total, _note: seen.append(n))
    assert seen[0] >= 3
    # Two processes round otherwise: their arrays do not lie alike in memory.
    whole = _outputs(_load(tmp_path / "whole", spec))
    assert np.abs(_outputs(resumed) - whole).max() < 1e-4


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    """The second time nothing is trained; what would change the result trains anew."""
    spec = _spec()
    _load(tmp_path, spec)
    again: list[int] = []
    watch = lambda n, _total, _note: again.append(n)  # noqa: E731
    model = _load(tmp_path, spec, watch=watch)
    assert again == []
    assert len(_curve(model)) == 4
    _load(tmp_path, spec, _photos(seed=6), watch=watch)
    assert again == [1, 2, 3, 4]
    _load(tmp_path, spec, resume=False, watch=watch)
    assert again == [1, 2, 3, 4] * 2


@pytest.mark.parametrize("what", ["numbers", "weights"])
def test_a_damaged_training_is_told_of_and_made_again(tmp_path: Path, what: str) -> None:
    """A flipped bit of the weights or of the numbers that are kept."""
    spec = _spec(epochs=2)
    whole = _curve(_load(tmp_path, spec))
    (file,) = (tmp_path / "trainings").glob("*.safetensors")
    content = bytearray(file.read_bytes())
    at = content.index(b'epoch\\": ') + 9 if what == "numbers" else len(content) - 2
    content[at] ^= 1
    file.write_bytes(content)
    with pytest.warns(VeilleWarning, match="damaged: its epochs are made again"):
        again = _load(tmp_path, spec)
    assert [one.epoch for one in _curve(again)] == [one.epoch for one in whole] == [1, 2]


def test_what_is_left_in_the_cache_is_the_result_alone(tmp_path: Path) -> None:
    """One file, and no longer what a next epoch would need."""
    _load(tmp_path, _spec())
    (file,) = (tmp_path / "trainings").glob("*[!k]")
    assert {name.partition(".")[0] for name in load_file(file)} == {"best"}


def test_two_that_want_the_same_training_make_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one waits, and finds it; even when it was told not to resume."""
    first = _start(tmp_path, held=True)
    _wait_for(first, 1)

    class Lock(FileLock):
        """The first one goes on when the second one is about to wait for it."""

        def acquire(self, *given: Any, **named: Any) -> Any:
            assert first.stdin is not None
            first.stdin.write("\n")
            first.stdin.flush()
            return super().acquire(*given, **named)

    monkeypatch.setattr(finetune, "FileLock", Lock)
    epochs: list[int] = []
    spec = _spec(AUGMENTED, epochs=8)
    model = _load(tmp_path, spec, resume=False, watch=lambda n, _total, _note: epochs.append(n))
    assert first.wait(60) == 0
    assert epochs == []
    assert len(_curve(model)) == 8


def test_the_kept_epoch_is_the_best_on_validation(tmp_path: Path) -> None:
    """Its weights, not the last ones, are what embeds and classifies."""
    photos = _photos(validation=_samples(100, 12))
    model = _load(tmp_path, _spec(epochs=6, learning_rate=3e-2), photos)
    record = model.head(CLASSES, seed=5).training
    assert record is not None
    best = record.epochs[record.best_epoch - 1]
    assert best.validation_accuracy == max(one.validation_accuracy for one in record.epochs)
    pixels = torch.stack([model.preprocess(_photo(one)) for one in photos.validation])
    head = model.head(CLASSES, seed=5)
    truth = np.array([CLASSES.index(one.label) for one in photos.validation])
    logits = head.logits(model.embed_images(pixels))
    assert (logits.argmax(axis=1) == truth).mean() == best.validation_accuracy
    loss = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(truth))
    assert loss.item() == pytest.approx(best.validation_loss, abs=1e-3)


def test_only_training_and_validation_photos_are_opened(tmp_path: Path) -> None:
    """A loader that remembers: nothing else is ever asked for."""
    opened: set[str] = set()

    def load(sample: Sample) -> Image.Image:
        opened.add(sample.id)
        return _photo(sample)

    photos = _photos(load=load)
    _load(tmp_path, _spec(AUGMENTED), photos)
    assert opened == {one.id for one in (*photos.train, *photos.validation)}


def test_the_frozen_part_stays_as_it_was(tmp_path: Path) -> None:
    """With two blocks that learn, the first layers and all running statistics are untouched."""
    model = _load(tmp_path, _spec(blocks=2))
    start = create_trunk(_spec()).module.state_dict()
    changed = {
        name
        for name, value in model.image_tower.state_dict().items()
        if not torch.equal(value, start[name])
    }
    assert changed
    assert not any("running" in name or "num_batches" in name for name in changed)
    assert all(name.startswith(("layer3", "layer4")) for name in changed)
    record = model.head(CLASSES, seed=5).training
    assert record is not None
    total = sum(one.numel() for one in model.image_tower.parameters()) + 2 * 97
    assert record.trained_parameters + record.frozen_parameters == total


@pytest.mark.parametrize(
    ("architecture", "blocks", "kind"),
    [
        ("densenet121", 1, "_DenseLayer"),
        ("timm:test_vit", 2, "Block"),
        ("resnet18", 2, "BasicBlock"),
        ("vit_b_32", 3, "EncoderBlock"),
    ],
)
def test_a_block_is_what_the_architecture_repeats(
    architecture: str, blocks: int, kind: str
) -> None:
    """Dense layers, residual blocks, transformer layers; what follows them goes along."""
    spec = replace(_spec(), architecture=architecture)
    parts = last_parts(create_trunk(spec).module, blocks)
    assert [type(one).__name__ for one in parts].count(kind) == blocks


def test_a_loss_that_is_no_number_names_its_epoch(tmp_path: Path) -> None:
    """One line with the epoch and the remedy; the same again when it is tried again."""
    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            _load(tmp_path, _spec(learning_rate=1e30, blocks=None))
        line = str(caught.value)
        assert "the loss is not finite in epoch" in line
        assert "learning_rate" in line
        assert "\n" not in line


def test_what_cannot_be_learnt_is_refused(tmp_path: Path) -> None:
    """No training part, and a class without a photo in it: one line each."""
    with pytest.raises(ModelError, match="needs a training part"):
        _load(tmp_path, _spec(), _photos(train=()))
    with pytest.raises(ModelError, match='no training photo of the class "rayé"'):
        _load(tmp_path, _spec(), _photos(classes=(*CLASSES, "rayé")))


def test_one_photo_a_class_is_enough(tmp_path: Path) -> None:
    """The smallest training part that means something."""
    model = _load(tmp_path, _spec(), _photos(train=_samples(0, 2), validation=()))
    head = model.head(CLASSES, seed=5)
    assert head.weight.shape == (2, model.dim)
    assert head.warnings == ("no validation part: the last epoch was kept",)


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file where the trainings should be."""
    (tmp_path / "trainings").write_text("I am a file")
    with pytest.raises(ModelError, match="VEILLE_CACHE"):
        _load(tmp_path, _spec())


def test_the_bar_tells_loss_and_accuracy(tmp_path: Path) -> None:
    """Each epoch's numbers go to whoever watches."""
    notes: list[str] = []
    _load(tmp_path, _spec(), watch=lambda _n, _total, note: notes.append(note))
    assert len(notes) == 4
    assert all("loss" in one and "accuracy" in one and "validation" in one for one in notes)


@pytest.mark.skipif("VEILLE_LONG" not in os.environ, reason="long: tox -e long")
def test_densenet201_learns_a_few_photos_by_heart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slides' architecture, from random weights: all eight photos right."""
    photos = _photos(train=_samples(0, 8), validation=_samples(0, 8))
    spec = replace(
        _spec(blocks=None, epochs=10, batch_size=4, learning_rate=1e-3), architecture="densenet201"
    )
    # 64 px rather than 224: what is proven is the code, not the resolution.
    trunk = create_trunk(spec)
    small = replace(trunk, preprocess={**trunk.preprocess, "size": [64, 64]})
    monkeypatch.setattr(trunks, "create_trunk", lambda _spec: small)
    model = _load(tmp_path, spec, photos)
    curve = _curve(model)
    assert max(one.train_accuracy for one in curve) == 1.0
    assert curve[-1].train_loss < 0.1 < curve[0].train_loss
