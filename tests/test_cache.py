"""``veille cache``: what is kept, and what pruning removes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.cli import main


def test_the_cache_is_told_and_pruned_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part with its size; what is pruned is gone, all else stays, strangers' files too."""
    monkeypatch.setenv("VEILLE_CACHE", str(tmp_path))
    sizes = {"embeddings.sqlite": 3_000_000, "maps.sqlite": 20, "trainings/a/one.pt": 5, "mine": 7}
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    told = CliRunner().invoke(main, ["cache"]).output
    assert [line.split()[0] for line in told.splitlines()] == [
        *("cache", "embeddings", "maps", "trainings", "in"),
    ]
    assert "3.0 MB  1 file" in told
    pruned = CliRunner().invoke(main, ["cache", "--prune", "maps", "--prune", "trainings"])
    assert pruned.exit_code == 0
    assert sorted(one.name for one in tmp_path.iterdir()) == ["embeddings.sqlite", "mine"]
    CliRunner().invoke(main, ["cache", "--prune", "all"])
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]
