"""What the repository promises of its packages: constraints, wheel, versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from evaluation.study.config import load_study
from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def pins() -> dict[str, list[Requirement]]:
    """What constraints.txt fixes, by normalised name."""
    found: dict[str, list[Requirement]] = {}
    for line in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            pin = Requirement(line)
            found.setdefault(pin.name.lower().replace("_", "-"), []).append(pin)
    return found


def test_constraints_are_versions_only() -> None:
    """No index, address, hash or option: any mirror, and any build of torch, will do."""
    for pin in (pin for several in pins().values() for pin in several):
        assert pin.url is None
        assert re.fullmatch(r"==[\w.!]+", str(pin.specifier)), pin


def test_constraints_fit_what_the_project_asks_for() -> None:
    """Every dependency, extra and group is fixed, at a version that its bounds allow."""
    asked = list(PROJECT["project"]["dependencies"])
    for several in PROJECT["project"]["optional-dependencies"].values():
        asked += several
    for group in PROJECT["dependency-groups"].values():
        asked += group
    known = pins()
    for line in asked:
        need = Requirement(line)
        fixed = known.get(need.name.lower().replace("_", "-"), [])
        assert fixed, f"{need.name} is not in constraints.txt: tox -e constraints"
        for pin in fixed:
            (version,) = pin.specifier
            assert need.specifier.contains(version.version, prereleases=True), (need, pin)


def test_the_study_of_real_weights_can_be_run(sources: Path) -> None:
    """The workflow's study has the demo's photos, and the two models that need a network."""
    study = load_study(str(sources / ".github" / "studies" / "poids-reels" / "study.toml"))
    assert {model.name for model in study.models} == {"vit-b-32-laion2b", "densenet201"}
    assert len(study.prompts) == 3
