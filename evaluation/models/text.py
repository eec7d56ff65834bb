"""The text side of a zero-shot model: tokens, embeddings of sentences, the zero-shot head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import ModelError
from evaluation.records import FloatArray, PromptSet
from evaluation.records.base import unit

if TYPE_CHECKING:
    import torch

BATCH = 64
"""Sentences per forward pass."""

Make = Callable[[Sequence[str]], NDArray[np.float32]]
Kept = Callable[[Sequence[str], Make], NDArray[np.float32]]
"""(N, D) embeddings of N sentences, and what makes those that are not kept yet."""


class TextTower(Protocol):
    """What reads sentences."""

    @property
    def context_length(self) -> int:
        """Tokens that are read of a sentence, its marks included."""

    def features(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """N sentences to (N, D) of any length."""

    def count_tokens(self, sentence: str) -> int:
        """Tokens of a sentence, its start and end marks included, before any cut."""


class TextEncoder:
    """Sentences to unit vectors; each is embedded once, ever."""

    def __init__(self, tower: TextTower, kept: Kept | None = None) -> None:
        self.tower, self._kept = tower, kept

    def encode(self, sentences: Sequence[str]) -> FloatArray:
        """N sentences to (N, D) float64 of unit length."""
        features = self.tower.features
        rows = self._kept(sentences, features) if self._kept else features(sentences)
        return unit(rows)


class OpenClipTexts:
    """The text tower of an open_clip model."""

    def __init__(self, model: Any, tokenizer: Any, device: torch.device) -> None:
        self._model, self._tokenizer, self._device = model, tokenizer, device

    @property
    def context_length(self) -> int:
        """See :class:`TextTower`."""
        return int(self._tokenizer.context_length)

    def features(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """See :class:`TextTower`."""
        import torch

        rows = []
        with torch.inference_mode():
            for start in range(0, len(sentences), BATCH):
                tokens = self._tokenizer(list(sentences[start : start + BATCH]))
                features = self._model.encode_text(tokens.to(self._device))
                rows.append(features.float().cpu().numpy())
        return np.concatenate(rows)

    def count_tokens(self, sentence: str) -> int:
        """See :class:`TextTower`."""
        inner = getattr(self._tokenizer, "tokenizer", None)
        if inner is None:  # SimpleTokenizer; start and end
            return len(self._tokenizer.encode(sentence)) + 2
        if (clean := getattr(self._tokenizer, "clean_fn", None)) is not None:
            text = clean(sentence)
        else:  # SigLipTokenizer
            from open_clip.tokenizer import basic_clean, canonicalize_text

            text = canonicalize_text(basic_clean(sentence))
        clips = getattr(self._tokenizer, "tokenizer_mode", "") == "clips"
        ids = inner(text, truncation=False, add_special_tokens=not clips, verbose=False).input_ids
        return len(ids) + (3 if clips else 0)  # start, end, and the class token


def class_embeddings(
    encoder: TextEncoder, classes: Iterable[str], prompts: PromptSet
) -> FloatArray:
    """(C, D): the mean direction of each class's sentences (Radford et al. 2021, section 3.1.4).

    Every text of the class in every template; classes may have different numbers of them.

    Raises :class:`ModelError` when a class has no text.
    """
    sentences = _sentences(classes, prompts)
    distinct = tuple(dict.fromkeys(text for texts in sentences.values() for text in texts))
    row = {sentence: i for i, sentence in enumerate(distinct)}
    embedded = encoder.encode(distinct)
    means = [embedded[[row[text] for text in texts]].mean(axis=0) for texts in sentences.values()]
    return unit(np.stack(means))


def cut_sentences(tower: TextTower, classes: Iterable[str], prompts: PromptSet) -> tuple[str, ...]:
    """One line for each sentence that is longer than the model reads."""
    limit = tower.context_length
    return tuple(
        f'prompt set "{prompts.name}", class "{label}": {count - limit} of {count} tokens are cut'
        f' (the model reads {limit}) from "{shorten(sentence, 60, placeholder="…")}"'
        for label, texts in _sentences(classes, prompts).items()
        for sentence in texts
        if (count := tower.count_tokens(sentence)) > limit
    )


def _sentences(classes: Iterable[str], prompts: PromptSet) -> Mapping[str, tuple[str, ...]]:
    sentences = {}
    for label in classes:
        texts = prompts.sentences(label) if label in prompts.texts else ()
        if not texts:
            raise ModelError(
                f'the prompt set "{prompts.name}" has no text for the class "{label}"',
                remedy="add one to its file",
            )
        sentences[label] = texts
    return sentences
