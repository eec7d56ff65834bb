"""`veille drift`: photos of another kind are told, and photos of the same kind are not."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from evaluation.cli import main
from evaluation.scoring.intervals import share
from evaluation.stages.predict import told_apart


def draws(seed: int, n: int, move: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 24)) + move


def test_photos_of_one_source_are_rarely_told_apart() -> None:
    """Of 200 pairs of samples of one source, some 2.5 % have an interval above one half."""
    alarms = sum(
        (share("told", told_apart(draws(2 * i, 80), draws(2 * i + 1, 120))).low or 0) > 0.5
        for i in range(200)
    )
    assert alarms <= 12


@pytest.mark.parametrize("move", [0.6, 1.0])
def test_photos_of_another_source_are_told_apart(move: float) -> None:
    """A shift of every feature by half a deviation is enough, with a hundred photos."""
    found = share("told", told_apart(draws(1, 100), draws(2, 150, move)))
    assert found.low is not None
    assert found.low > 0.5


def test_too_few_photos_are_refused(study, tmp_path, monkeypatch) -> None:  # noqa: ANN001
    """One line, which says how many there are; no case need have been scored for it."""
    monkeypatch.setenv("VEILLE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "new").mkdir()
    Image.new("RGB", (40, 40), "red").save(tmp_path / "new" / "a.png")
    command = ["drift", str(study), str(tmp_path / "new"), "--device", "cpu"]
    none = CliRunner().invoke(main, command)
    assert none.exit_code == 2
    assert "no case was scored yet" in none.output
    done = CliRunner().invoke(main, [*command, "--case", "tiny/noms"])
    assert done.exit_code == 2
    assert "1 new photos" in done.output
    assert "Traceback" not in done.output
