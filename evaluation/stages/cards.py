"""Model cards, computed once for an architecture and the versions of its libraries.

Building the towers of a study's models takes half a minute, and their sizes never change.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from evaluation.errors import ArtefactError
from evaluation.models.cards import FACTS
from evaluation.records import ModelCard, ModelSpec, digest_of
from evaluation.stages import provenance
from evaluation.stores import artefacts, json_file


def cards(specs: Iterable[ModelSpec], cache: Path) -> tuple[ModelCard, ...]:
    """The card of each model; kept under ``cache``."""
    kept = []
    for spec in specs:
        path = _path(spec, cache)
        # Whatever cannot be read is made anew, and one that cannot be kept is made again.
        with suppress(ArtefactError, OSError):
            kept.append(replace(json_file.read_plain(path, ModelCard), model=spec))
            continue
        from evaluation.models import model_card

        kept.append(model_card(spec))
        with suppress(ArtefactError):
            artefacts.write_bytes(path, json_file.to_json(kept[-1]).encode())
    return tuple(kept)


def forget_unsized(spec: ModelSpec, cache: Path) -> None:
    """Has a card without sizes made anew: now that the model was loaded they can be known."""
    path = _path(spec, cache)
    with suppress(ArtefactError, OSError):
        if json_file.read_plain(path, ModelCard).image_parameters is None:
            path.unlink()


def towers_of(spec: ModelSpec) -> ModelSpec:
    """The same towers, whatever a study calls them and makes of them."""
    return replace(spec, name="", title="", adapt=(), shares=None, reads=("photo",), prompts=())


def _path(spec: ModelSpec, cache: Path) -> Path:
    said = json_file.plain(towers_of(spec))
    facts = FACTS.read_text(encoding="utf-8")
    return cache / "cards" / f"{digest_of([said, facts, provenance.numeric_versions()])[:32]}.json"
