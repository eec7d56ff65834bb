"""A zero-shot model of open_clip: photos and texts in one space, and a head made of texts."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np

from evaluation.errors import ArtefactError, WeightsMismatch, WeightsUnavailable, one_line
from evaluation.files import write_bytes
from evaluation.models import embedded
from evaluation.models.base import FINGERPRINT_VERSION, Loading, check_options, fingerprint_of
from evaluation.models.checkpoints import file_digest, read_checkpoint
from evaluation.models.clip.sources import Source, find_source, telling
from evaluation.models.devices import check_precision, dtype_of, pick_device
from evaluation.models.embedder import Classifier, Identity, Tower
from evaluation.models.hub import HUB_CONFIG, hub_offline, require_hub
from evaluation.models.text import OpenClipTexts, SentenceEncoder, TextTower, class_embeddings
from evaluation.records import FloatArray, Head, ModelSpec, PromptSet, digest_of
from evaluation.records.base import unit
from evaluation.stores import json_file

if TYPE_CHECKING:
    from evaluation.stores.embeddings import EmbeddingStore

T = TypeVar("T")


def fetch(spec: ModelSpec, loading: Loading) -> Path:
    """The checkpoint of a model, with all that loading it needs, so that it loads offline.

    Raises :class:`WeightsUnavailable`: a part of it cannot be had; :class:`ModelError`: the
    declaration makes no sense.
    """
    source = find_source(spec, loading)

    def fetch_texts() -> None:
        """The tokenizer, and a text tower's configuration where transformers has it."""
        _tokenizer(spec, source)
        text = {**source.config["text_cfg"], **source.overrides.get("text_cfg", {})}
        if text.get("hf_model_name"):
            from transformers import AutoConfig

            with telling(spec, source):
                AutoConfig.from_pretrained(text["hf_model_name"])

    _from_caches_first(fetch_texts, spec, source, loading)
    return source.checkpoint


def _from_caches_first(
    make: Callable[[], T], spec: ModelSpec, source: Source, loading: Loading
) -> T:
    """What is made without a request, not even for news, where everything is in the caches."""
    with hub_offline():
        try:
            return make()
        except WeightsUnavailable:
            if loading.offline or source.local:
                raise
    require_hub(spec.name)
    return make()


# ---------------------------------------------------------------------- the model


class Built(NamedTuple):
    """What open_clip makes of a source."""

    model: Any
    texts: OpenClipTexts
    tower: Tower


class ClipClassifier(Classifier):
    """A zero-shot model of open_clip; see :class:`evaluation.models.Classifier`.

    Open_clip builds it when a photo is to be embedded or looked into; what it is without that
    is known from its first load.
    """

    needs_training = False
    unit = True

    def __init__(
        self,
        spec: ModelSpec,
        source: Source,
        known: Identity,
        build: Callable[[], Built],
        store: EmbeddingStore | None,
    ) -> None:
        """A model of a source; ``build`` makes both towers, once, and the store keeps texts."""
        super().__init__(spec, known, lambda: build().tower)
        self._source, self._known, self._build, self._store = source, known, build, store

    @cached_property
    def text_tower(self) -> TextTower:
        """What reads sentences; the embedded model's needs no open_clip."""
        if self._source.sealed is not None:
            file = self._source.checkpoint
            return SentenceEncoder(file.parent, file, embedded.CONTEXT_LENGTH)
        return self._build().texts

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """N texts to (N, D) float64 of unit length; with a store each is embedded once."""
        features = self.text_tower.features
        if self._store is None:
            return unit(features(texts))
        key = fingerprint_of(
            weights=self.weights_digest,
            architecture={"library": "open_clip", "text": dict(self._source.config["text_cfg"])},
            preprocess={},
            precision=self.precision,
        )
        return unit(self._store.texts(key, texts, features))

    def head(
        self,
        classes: tuple[str, ...],
        *,
        prompts: PromptSet | None = None,
        **_labels: object,
    ) -> Head:
        """The zero-shot head: mean text embedding of each class, times the logit scale.

        A bias is that of the sigmoid loss (SigLIP, Zhai et al. 2023); it moves all classes
        alike.

        Raises :class:`ModelError` when a class has no text.
        """
        prompts = cast("PromptSet", prompts)  # a study whose models read texts has some
        weight, cut = class_embeddings(self.text_tower, self.embed_texts, classes, prompts)
        scale = self._known.logit_scale
        return Head(
            weight=scale * weight,
            bias=np.full(len(classes), self._known.logit_bias),
            chosen={"logit_scale": scale},
            warnings=(*self._source.warnings, *cut),
        )


def load(spec: ModelSpec, loading: Loading) -> ClipClassifier:
    """Loads a zero-shot model; see :func:`evaluation.models.load_model`."""
    check_options(spec, {"quick_gelu": bool})
    precision = check_precision(loading.precision)
    source = find_source(spec, loading)
    digest = file_digest(source.checkpoint)
    if source.sealed not in (None, digest):
        raise WeightsMismatch(
            "the checkpoint has changed since it was assembled",
            where=source.checkpoint,
            remedy="delete its folder: it is assembled again",
        )
    make = partial(_build, spec, source, loading)
    build = cache(lambda: _from_caches_first(make, spec, source, loading))
    # It says its preprocessing, where it is there.
    beside = source.checkpoint.parent / HUB_CONFIG
    described = {
        "version": FINGERPRINT_VERSION,
        # They decide what is built of a description, and whether its norms can be fused.
        "packages": {name: version(name) for name in ("torch", "open_clip_torch", "timm")},
        # "auto" is another device on another machine, or with another card.
        "machine": [platform.node(), Path("/dev/nvidiactl").exists()],
        "weights": digest,
        "config": dict(source.config),
        "folder": beside.read_text(encoding="utf-8") if beside.is_file() else "",
        "overrides": dict(source.overrides),
        "run": [loading.device, precision],
    }
    file = loading.cache / "models" / f"{digest_of(described)[:32]}.json"
    try:
        known = json_file.read_plain(file, Identity)
    except ArtefactError:  # none is kept, or none that can be read
        known = _known(source, build(), digest)
        with suppress(OSError):  # where there is a cache that can be written
            file.parent.mkdir(exist_ok=True)
            write_bytes(file, json_file.to_json(known).encode())
    return ClipClassifier(spec, source, known, build, loading.store)


def _known(source: Source, built: Built, digest: str) -> Identity:
    bias = getattr(built.model, "logit_bias", None)
    return built.tower.identity(
        dim=int(source.config["embed_dim"]),
        weights_digest=digest,
        architecture={
            "library": "open_clip",
            "embed_dim": source.config["embed_dim"],
            "vision": source.config["vision_cfg"],
            "quick_gelu": source.overrides["force_quick_gelu"],
        },
        logit_scale=float(built.model.logit_scale.detach().double().exp()),
        logit_bias=0.0 if bias is None else float(bias.detach().double()),
    )


def _build(spec: ModelSpec, source: Source, loading: Loading) -> Built:
    import open_clip

    device = pick_device(loading.device)
    with telling(spec, source, lambda path: read_checkpoint(path).tensors):
        model, transform = open_clip.create_model_from_pretrained(
            source.model, source.pretrained, device="cpu", weights_only=True, **source.overrides
        )
        # open_clip's own conversion rounds the scale and bias of the logits too in some models (a
        # scale of 100 becomes 98.9 in bf16, which changes every probability), and leaves CoCa
        # with parameters of two types, whose product PyTorch refuses.
        exact = {
            name: parameter.data.float()
            for name in ("logit_scale", "logit_bias")
            if (parameter := getattr(model, name, None)) is not None
        }
        model.to(device=device, dtype=dtype_of(loading.precision))
        for name, value in exact.items():
            getattr(model, name).data = value.to(device)
    tower = Tower(
        model.eval().visual,
        transform,
        model.visual.preprocess_cfg,
        device=device,
        precision=loading.precision,
    )
    return Built(model, OpenClipTexts(model, _tokenizer(spec, source), device), tower)


def _tokenizer(spec: ModelSpec, source: Source) -> Any:
    import open_clip

    try:
        return open_clip.get_tokenizer(source.model)
    except Exception as error:  # transformers and the hub raise many kinds
        raise WeightsUnavailable(
            f"the tokenizer cannot be had ({one_line(error)})",
            where=spec.name,
            remedy="run once with the network, or give a folder that holds the tokenizer's files",
            reason="unreachable",
        ) from error
