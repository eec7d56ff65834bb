"""Embedding on a cluster of two local nodes: nothing twice, nothing lost, the same vectors."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from evaluation.records import FOLDS, ModelSpec
from evaluation.stages import distribute
from evaluation.stages.engine import bench_of
from evaluation.stages.settings import Settings
from tests.stages.opened import opened_study

ray = pytest.importorskip("ray", reason="the extra scale is not installed")
pytestmark = pytest.mark.skipif(
    not os.environ.get("VEILLE_SCALE"), reason="starts a cluster: tox -e scale"
)


@pytest.fixture
def cluster():  # noqa: ANN201 - ray has no types
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    found.add_node(num_cpus=1)
    ray.init(address=found.address, log_to_driver=False)
    yield found
    ray.shutdown()
    found.shutdown()


class Fatal(distribute.Embedding):
    """Kills its own worker once, in the middle."""

    def __init__(self, spec: ModelSpec, settings: Settings) -> None:
        super().__init__(spec, settings)
        self._mark = settings.artefacts / "killed"

    def __call__(self, batch: distribute.Columns) -> dict[str, np.ndarray]:
        done = super().__call__(batch)
        if not self._mark.exists():
            self._mark.write_text("killed")
            os.kill(os.getpid(), signal.SIGKILL)
        return done


@pytest.mark.usefixtures("cluster")
def test_a_worker_lost_in_the_middle_loses_nothing(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each photo is stored once, with the vector that one machine gives; a repeat embeds none."""
    here = Settings(artefacts=tmp_path / "a", cache=tmp_path / "here", device="cpu", batch_size=4)
    alone = opened_study(study, here)
    _, expected = bench_of(alone.data, alone.data.study.models[0], alone.engine, FOLDS)
    there = Settings(artefacts=tmp_path / "a", cache=tmp_path / "there", device="cpu", batch_size=4)
    shared = opened_study(study, there)
    spec = shared.data.study.models[0]
    monkeypatch.setattr(distribute, "BLOCK", 1)
    monkeypatch.setattr(distribute, "Embedding", Fatal)
    (tmp_path / "a").mkdir(exist_ok=True)
    count = len(shared.data.dataset.samples)
    here = {"address": None, "workers": 2}
    embed = partial(distribute.embed_on_cluster, spec, shared.data, shared.engine, **here)
    assert embed() == (count, count)
    assert (tmp_path / "a" / "killed").exists()
    _, run = bench_of(shared.data, spec, shared.engine, FOLDS)
    assert run.embedded == 0
    assert np.abs(run.embeddings - expected.embeddings).max() < 1e-6
    assert embed() == (count, 0)
