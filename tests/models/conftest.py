"""The embedded model, loaded once a session."""

from __future__ import annotations

import pytest
import torch

from evaluation.models import Classifier, Loading, load_model
from evaluation.records import ModelSpec
from tests.conftest import Assembly


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


EMBEDDED = ModelSpec(name="embedded", kind="clip", weights="embedded", title="Embarqué")


@pytest.fixture(scope="session")
def embedded_model(assembly: Assembly) -> Classifier:
    return load_model(EMBEDDED, Loading(cache=assembly.cache, device="cpu", offline=True))
