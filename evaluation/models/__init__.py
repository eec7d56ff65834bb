"""Models: from a declaration to something that embeds photos and makes a classifier.

``base`` says what a model is.  Each kind of :data:`evaluation.records.KINDS` is a module of the
same functions (:class:`evaluation.models.base.Maker`): ``clip`` (with ``text``) builds the
zero-shot ones with open_clip, ``supervised`` trains a head on a trunk, and perhaps the trunk;
``embedded`` assembles the offline one; ``hub``, ``checkpoints`` and ``devices`` are what they
share; ``cards`` says what is known of a model before it runs.
"""

import contextlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, cast

from evaluation.errors import VeilleError
from evaluation.models import cards
from evaluation.models.base import Loading, Maker
from evaluation.models.checkpoints import is_path
from evaluation.models.embedder import Classifier
from evaluation.models.hub import hub_offline
from evaluation.records import KINDS, Availability, Fetched, ModelCard, ModelSpec

__all__ = ["Classifier", "Loading", "availability", "fetch", "load_model", "model_card", "opened"]


def _maker(spec: ModelSpec) -> Maker:
    return cast("Maker", import_module(f"{__name__}.{KINDS[spec.kind].module}"))


def availability(spec: ModelSpec, *, offline: bool) -> Availability:
    """Whether a model could run here; nothing is built, assembled or fetched.

    Without ``offline`` the server is asked how large weights that are not here would be.
    """
    try:
        return _maker(spec).availability(spec, offline=offline)
    except VeilleError as error:
        return Availability(ready=False, reason=str(error))


def opened(spec: ModelSpec, classes: Sequence[str]) -> str:
    """What a checkpoint of the user's own holds; "" for weights that are none.

    Raises :class:`ModelError` when it cannot be used for these classes.
    """
    if not (KINDS[spec.kind].embeds and is_path(spec.weights)):
        return ""
    return _maker(spec).opened(spec, classes)


def fetch(spec: ModelSpec, loading: Loading) -> Fetched:
    """The weights of a model, assembled or downloaded when they are not here; nothing is loaded.

    A model whose weights cannot be had is an answer too: ``state`` "missing", with the reason.
    """
    before, licence = availability(spec, offline=True), cards.licence_of(spec)
    try:
        path = _maker(spec).fetch(spec, loading)
    except VeilleError as error:
        return Fetched(model=spec, state="missing", reason=str(error), licence=licence)
    state: Literal["packages", "random", "local", "cached", "downloaded"]
    if spec.weights == "embedded":
        state = "packages"
    elif path is None:
        state = "random"
    elif is_path(spec.weights):
        state = "local"
    else:
        state = "cached" if before.ready else "downloaded"
    size = None if path is None else path.stat().st_size
    return Fetched(model=spec, state=state, size=size, path=path, licence=licence)


def model_card(spec: ModelSpec) -> ModelCard:
    """What is known of a model here and now; nothing is fetched, and nothing is raised."""
    sizes: Mapping[str, Any] = {}
    # A model that cannot be built has no sizes: its case says why, the card need not.
    with contextlib.suppress(Exception), hub_offline():
        sizes = _maker(spec).sizes(spec) if spec.embeds else {}
    return ModelCard(model=spec, **sizes, **cards.published(spec))


def load_model(spec: ModelSpec, loading: Loading) -> Classifier:
    """A model ready to run; its weights are assembled or fetched when they are not here.

    A kind that does not embed (:attr:`ModelSpec.embeds`) gives a :class:`Predictor` instead.  A
    model whose trunk learns is trained here, or found trained in the cache.

    Raises :class:`WeightsUnavailable`: the weights cannot be had here and now;
    :class:`WeightsMismatch`: the checkpoint does not fit the architecture; :class:`ModelError`: the
    declaration makes no sense, or the checkpoint cannot be read.
    """
    loaded: Classifier = _maker(spec).load(spec, loading)
    return loaded
