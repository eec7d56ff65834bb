"""What several rooms' tests share: records that look like real ones, and photos made here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings
from PIL import Image

# No time of day decides whether a test passes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What `tox -e fuzz` and `tox -e kill` tried, all workers together, as docs/reliability.md."""
    tried: dict[str, Counter[str]] = defaultdict(Counter)
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if getattr(report, "when", "") == "call":
            for name, counts in report.user_properties:
                if name.startswith("tried "):
                    tried[name.removeprefix("tried ")].update(counts)
    for name, counts in sorted(tried.items()):
        how = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
        terminalreporter.write_line(f"| {name} | {counts.total()} | {how} |")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache, except through the fixture ``models_cache``."""
    monkeypatch.setenv("VEILLE_CACHE", str(tmp_path / "veille-cache"))


def effort(short: int) -> int:
    """How often to try what is drawn at random: many times more in `tox -e long`."""
    return short * 30 if os.environ.get("VEILLE_LONG") else short


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]
) -> tuple[Path, Any]:
    """A folder and what ``make`` said (as JSON) when it filled it: once for all of xdist's workers.

    The first one that asks makes it; the others wait.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, said = base / name, base / f"{name}.json"
    with FileLock(base / f"{name}.lock"):
        if not said.exists():
            folder.mkdir(exist_ok=True)
            said.write_text(json.dumps(make(folder)))
    return folder, json.loads(said.read_text())


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
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The embedded model, assembled once a session by two processes that start at once."""
    cache, answers = once(tmp_path_factory, "models-cache", _assemble_twice)
    return Assembly(
        cache=cache,
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


@pytest.fixture(scope="session")
def models_cache(assembly: Assembly) -> Path:
    """One cache for the session, which holds the embedded model."""
    return assembly.cache


@pytest.fixture(scope="session")
def sources() -> Path:
    """The checkout with its package: skipped where the tests run on the wheel."""
    if not (REPOSITORY / "evaluation").is_dir():
        pytest.skip("the sources are not here: these tests run on the wheel")
    return REPOSITORY


@pytest.fixture(scope="session")
def flipkart_root() -> Path:
    """The Flipkart sample, which is not ours to ship: skipped where it is absent."""
    root = Path(os.environ.get("VEILLE_FLIPKART", REPOSITORY.parent / "shared" / "flipkart"))
    if not root.is_dir():
        pytest.skip(f"the Flipkart sample is not at {root} (set VEILLE_FLIPKART)")
    return root


@pytest.fixture
def make_photo() -> Callable[..., Path]:
    """Writes a small photo whose pixels depend on the seed alone."""

    def make(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return make


@pytest.fixture
def study(tmp_path: Path, make_photo: Callable[..., Path]) -> Path:
    """A folder study of three classes with a tiny model: runs in seconds, offline."""
    from tests.studies import tiny_model, write_study

    folder = tmp_path / "essai"
    for c, label in enumerate(("Lamps", "Mugs", "Rugs")):
        for i in range(10):
            make_photo(folder / "photos" / label / f"{i}.png", seed=100 * c + i)
    tiny_model(folder / "tiny")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "noms.toml").write_text(
        'title = "Noms"\nlanguage = "en"\nderive = "class-names"\n'
    )
    (folder / "prompts" / "descriptions.toml").write_text(
        'title = "Descriptions"\nlanguage = "en"\n[texts]\n'
        'Lamps = ["a lamp"]\nMugs = ["a mug", "a cup"]\nRugs = ["a rug"]\n'
    )
    write_study(folder)
    return folder
