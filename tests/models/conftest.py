"""The embedded model, assembled once a session by two processes that start at once."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from evaluation.models import Loading, load_model
from evaluation.models.base import Classifier
from evaluation.records import ModelSpec
from tests.conftest import once

ASSEMBLE = """
import sys
from pathlib import Path
from evaluation.models import embedded

written = []
write = embedded._write_checkpoint
embedded._write_checkpoint = lambda *given: (written.append(given), write(*given))
sys.stdin.readline()  # both processes have imported everything; now both start
print(embedded.assemble(Path(sys.argv[1])), len(written))
"""


@dataclass(frozen=True)
class Assembly:
    """What two processes that assembled the model in the same cache said."""

    cache: Path
    folders: tuple[Path, ...]
    written: tuple[int, ...]
    """How many times each process wrote a checkpoint."""


@pytest.fixture(scope="session")
def assembly(models_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    _, answers = once(tmp_path_factory, "assembly", lambda _folder: _assemble_twice(models_cache))
    return Assembly(
        cache=models_cache,
        folders=tuple(Path(folder) for folder, _ in answers),
        written=tuple(int(count) for _, count in answers),
    )


def _assemble_twice(cache: Path) -> list[list[str]]:
    # One thread each: on two busy cores, threads that wait for each other are far slower.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ASSEMBLE, str(cache)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=300)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return answers


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


EMBEDDED = ModelSpec(name="embedded", kind="clip", weights="embedded", title="Embarqué")


@pytest.fixture(scope="session")
def embedded_model(assembly: Assembly) -> Classifier:
    return load_model(EMBEDDED, Loading(cache=assembly.cache, device="cpu", offline=True))
