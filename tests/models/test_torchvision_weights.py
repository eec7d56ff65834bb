"""torchvision's checkpoints on loopback, put where torch.hub looks for them."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import WeightsEnum
from torchvision.models._api import BUILTIN_MODELS, Weights, register_model
from torchvision.transforms._presets import ImageClassification

from evaluation.errors import WeightsUnavailable
from evaluation.models import Loading, availability, fetch, load_model
from evaluation.records import ModelSpec
from tests.models.hub_server import Fault, HubServer, serving

NAME = "veille_tiny"
SPEC = ModelSpec(
    name="essai", kind="supervised", architecture=NAME, weights="imagenet", title="Essai"
)


def _tiny() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 6, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1000)
    )


@dataclass(frozen=True)
class Published:
    """A checkpoint that torchvision announces at an address of a server."""

    server: HubServer
    file: str
    whole: nn.Module
    kept: Path
    """Where torch.hub keeps it."""

    @property
    def leftovers(self) -> list[str]:
        folder = self.kept.parent
        return [one.name for one in folder.iterdir()] if folder.is_dir() else []


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Published]:
    """A tiny architecture that is registered with torchvision like any of its own."""
    whole = _tiny()
    content = io.BytesIO()
    torch.save(whole.state_dict(), content)
    file = f"tiny-{hashlib.sha256(content.getvalue()).hexdigest()[:8]}.pth"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with serving() as server:
        server.plain[f"/models/{file}"] = content.getvalue()

        class TinyWeights(WeightsEnum):
            V1 = Weights(
                url=f"{server.endpoint}/models/{file}",
                transforms=partial(ImageClassification, crop_size=8),
                meta={"_file_size": 0.5},
            )
            DEFAULT = V1

        def veille_tiny(*, weights: TinyWeights | None = None, **_given: Any) -> nn.Module:
            assert weights is None  # its own loading is not used: it would unpickle
            return _tiny()

        veille_tiny.__annotations__["weights"] = TinyWeights | None
        veille_tiny.__module__ = f"{torchvision.models.__name__}.tiny"
        register_model()(veille_tiny)
        try:
            kept = tmp_path / "torch" / "hub" / "checkpoints" / file
            yield Published(server=server, file=file, whole=whole, kept=kept)
        finally:
            del BUILTIN_MODELS[NAME]


def _load(cache: Path, *, offline: bool = False) -> Any:
    return load_model(SPEC, Loading(cache=cache, device="cpu", offline=offline))


def _is_the_published_one(model: Any, published: Published) -> bool:
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    features = torch.from_numpy(model.embed_images(images))
    with torch.inference_mode():
        return torch.allclose(published.whole[3](features), published.whole(images), atol=1e-5)


def test_the_checkpoint_is_fetched_once_into_torch_home(
    published: Published, tmp_path: Path
) -> None:
    """The features are those of the published weights; the second time no request is sent."""
    before = availability(SPEC, offline=False)
    assert (before.ready, before.download_bytes) == (False, 2**19)
    assert _is_the_published_one(_load(tmp_path), published)
    assert published.kept.is_file()
    assert availability(SPEC, offline=True).ready
    asked = len(published.server.requests)
    assert _is_the_published_one(_load(tmp_path, offline=True), published)
    assert len(published.server.requests) == asked


def test_it_is_fetched_ahead_of_time(published: Published, tmp_path: Path) -> None:
    """As `veille weights` does: downloaded, then found; random weights need nothing."""
    one, again = (fetch(SPEC, Loading(cache=tmp_path, offline=False)) for _ in range(2))
    assert (one.state, again.state) == ("downloaded", "cached")
    assert one.path == published.kept
    spec = ModelSpec(name="r", kind="supervised", architecture=NAME, weights="random", title="R")
    assert fetch(spec, Loading(cache=tmp_path, offline=True)).state == "random"


@pytest.mark.parametrize(
    "faults",
    [[Fault(status=500)], [Fault(half=True)], [Fault(cut=900)], [Fault(status=503)] * 2],
    ids=["500", "half", "cut", "503 twice"],
)
def test_passing_trouble_is_overcome(
    published: Published, tmp_path: Path, faults: list[Fault]
) -> None:
    """A failing server, half a file, a cut, then the file, or the rest of it."""
    published.server.faults[published.file] = list(faults)
    assert _is_the_published_one(_load(tmp_path), published)
    assert len(published.server.gets(published.file)) == len(faults) + 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=404), "404"),
        (Fault(status=500), "500"),
        (Fault(half=True), "another part"),
        (Fault(corrupt=True), "checksum"),
    ],
    ids=["404", "500", "half", "corrupt"],
)
def test_lasting_trouble_is_one_line_and_leaves_nothing(
    published: Published, tmp_path: Path, fault: Fault, words: str
) -> None:
    """What went wrong, the remedy, and no file in the cache."""
    published.server.faults[published.file] = [fault] * 9
    with pytest.raises(WeightsUnavailable) as caught:
        _load(tmp_path)
    line = str(caught.value)
    assert words in line
    assert caught.value.remedy
    assert "\n" not in line
    assert published.file not in published.leftovers
    assert f"{published.file}.fetched" not in published.leftovers


def test_offline_sends_no_request(published: Published, tmp_path: Path) -> None:
    """Neither to load, nor to ask, nor to fetch."""
    with pytest.raises(WeightsUnavailable, match="--offline"):
        _load(tmp_path, offline=True)
    assert not availability(SPEC, offline=True).ready
    assert fetch(SPEC, Loading(cache=tmp_path, offline=True)).state == "missing"
    assert published.server.requests == []
