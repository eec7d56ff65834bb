"""A vision-language model behind an OpenAI-compatible endpoint, asked for a number in a list.

The classes' texts are a numbered list, the answer a JSON object whose schema allows those
numbers alone.  Probabilities come of the log-probabilities of the number where the server
gives them, else of the votes of several samples, else there are none.  Each answer is kept by
photo, model and question, so that a run which was stopped asks for nothing twice.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import ipaddress
import json
import math
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import numpy as np

from evaluation import records
from evaluation.data.photos import open_photo
from evaluation.errors import ModelError, Reason, WeightsUnavailable, one_line
from evaluation.models.base import READY, Loading, Predictor, check_options
from evaluation.stores.sqlite_file import SqliteFile, Table
from evaluation.study.dataset_spec import is_address

OPTIONS: Mapping[str, records.Option] = {
    "endpoint": "", "key_variable": "OPENAI_API_KEY", "send_photos": False, "samples": 1,
    "side": 512, "seconds": 60, "price_in": 0.0, "price_out": 0.0, "max_cost": math.inf,
}  # fmt: skip
"""Address, and the environment variable of its key; photos may leave this machine; answers a
photo; longest side of a photo, pixels; seconds to wait; prices of a million tokens, and the cap."""
TRIES = 5
"""Of a question that a server is too busy for, or fails at: the client waits as it is told."""
_ANSWERS = Table(
    name="replies",
    key="question TEXT, photo TEXT, sample INTEGER",
    values="number INTEGER, shares TEXT, tokens_in INTEGER, tokens_out INTEGER, seconds REAL",
)
_TEXT = """Which of these does the photo show?

{list}

Answer with its number."""
_TOKENS_AT_MOST = 64
_TOP = 20
"""Alternatives of a token, the most that servers give."""
_LETTERS_A_TOKEN, _PIXELS_A_TOKEN, _TOKENS_OUT = 4, 28, 10
"""For the estimate alone: what is paid is what the server counts."""


class Answer(NamedTuple):
    """What was said of a photo, once."""

    number: int
    """In the list, from 1; 0 for a refusal, or for what is not in the list."""
    shares: tuple[float, ...]
    """(C,) from log-probabilities; empty without."""
    tokens_in: int
    tokens_out: int
    seconds: float = 0.0
    """From the question to the answer, waits for a busy server included."""


class ChatModel(Predictor):
    """The role ``Predictor`` over a server that looks at photos."""

    def __init__(
        self,
        spec: records.ModelSpec,
        loading: Loading,
        classes: tuple[str, ...],
        prompts: records.PromptSet | None,
    ) -> None:
        self.spec, self._loading, self._classes, self._prompts = spec, loading, classes, prompts
        self._options: Mapping[str, Any] = {**OPTIONS, **spec.options}
        self.weights_digest = records.digest_of([self._options["endpoint"], spec.weights])

    @cached_property
    def _client(self) -> Any:
        from openai import OpenAI

        return OpenAI(
            base_url=self._options["endpoint"],
            api_key=os.environ.get(self._options["key_variable"], "none"),
            max_retries=TRIES,
            timeout=self._options["seconds"],
        )

    def reading(self, prompts: records.PromptSet | None) -> ChatModel:
        """See :meth:`Predictor.reading`."""
        return ChatModel(self.spec, self._loading, self._classes, prompts)

    def predict(self, samples: Sequence[records.Sample]) -> records.Predictions:
        """See :meth:`Predictor.predict`.

        Raises :class:`ModelError` when photos may not leave this machine, when the cap of the
        cost is reached, or when the server gives up: what was answered is kept.
        """
        answers = self._answers(samples)
        rows = [self._row(answers[sample.digest], sample.label) for sample in samples]
        probabilities = np.array(rows).reshape(len(samples), len(self._classes))
        return records.Predictions.of(self._classes, samples, probabilities)

    def facts(self, samples: Sequence[records.Sample]) -> Mapping[str, records.Option]:
        """Tokens, money and refusals, over the answers for these photos."""
        answers = [answer for each in self._answers(samples).values() for answer in each]
        price = sum(map(self._price, answers))
        facts: dict[str, records.Option] = {
            "tokens_in": sum(answer.tokens_in for answer in answers),
            "tokens_out": sum(answer.tokens_out for answer in answers),
            "refused": sum(answer.number == 0 for answer in answers),
            "seconds_per_photo": sum(answer.seconds for answer in answers) / max(len(samples), 1),
        }
        return facts | ({"cost_per_photo": price / len(samples)} if price else {})

    def _row(self, answers: Sequence[Answer], label: str) -> list[float]:
        """(C,) probabilities: of the tokens, or the votes; an answer that is none is an error."""
        classes = self._classes
        if all(answer.shares for answer in answers):
            return list(np.mean([answer.shares for answer in answers], axis=0))
        votes = Counter(answer.number for answer in answers if answer.number)
        if not votes:  # on no class in particular, but not on the right one
            wrong = [float(name != label) for name in classes]
            return [share / sum(wrong) for share in wrong]
        return [votes[i + 1] / sum(votes.values()) for i in range(len(classes))]

    # ------------------------------------------------------------------------ asking

    def _answers(self, samples: Sequence[records.Sample]) -> Mapping[str, Sequence[Answer]]:
        """By digest of a photo: the answers, asked for where they are not kept."""
        prompts = cast("records.PromptSet", self._prompts)
        texts = ("; ".join(prompts.sentences(label)) for label in self._classes)
        lines = [f"{number}. {text}" for number, text in enumerate(texts, start=1)]
        question = _TEXT.format(list="\n".join(lines))
        asked = records.digest_of([self.weights_digest, question, self._options["side"]])
        photos = {sample.digest: sample for sample in samples}
        kept: dict[str, dict[int, Answer]] = {digest: {} for digest in photos}
        with SqliteFile(
            self._loading.cache / "answers.sqlite",
            (_ANSWERS,),
            what="the store of answers",
            remade="the server is asked again",
        ) as store:
            for _, photo, sample, number, shares, *tokens in store.rows(_ANSWERS, [asked], photos):
                kept[photo][sample] = Answer(number, tuple(json.loads(shares)), *tokens)
            numbers = range(self._options["samples"])
            missing = [(photo, i) for photo in photos for i in numbers if i not in kept[photo]]
            if missing:
                self._require_leave(len(missing), question)
            spent = 0.0
            for done, (photo, i) in enumerate(missing, start=1):
                answer = self._ask(photos[photo], question)
                number, shares, *tokens = kept[photo][i] = answer
                store.add(_ANSWERS, [(asked, photo, i, number, json.dumps(shares), *tokens)])
                spent += self._price(answer)
                self._loading.watch(done, len(missing), f"{spent:.4f}" if spent else "")
                if done < len(missing):
                    self._cap_at(
                        spent, f"{spent:.4f} was spent on {done} of {len(missing)} answers"
                    )
        return {photo: [known[i] for i in numbers] for photo, known in kept.items()}

    def _require_leave(self, count: int, question: str) -> None:
        """Before the first question: may the photos leave, and is the estimate below the cap?"""
        endpoint = self._options["endpoint"]
        if not _is_local(endpoint) and not self._options["send_photos"]:
            raise ModelError(
                f"{count} photos would be sent to {urlsplit(endpoint).hostname}",
                where=self.spec.name,
                remedy="write options.send_photos = true in the study, if they may leave",
            )
        tokens = len(question) / _LETTERS_A_TOKEN + (self._options["side"] / _PIXELS_A_TOKEN) ** 2
        guess = Answer(number=0, shares=(), tokens_in=round(tokens), tokens_out=_TOKENS_OUT)
        price = count * self._price(guess)
        self._cap_at(price, f"{count} answers would cost some {price:.2f}")

    def _cap_at(self, price: float, what: str) -> None:
        if price > (cap := self._options["max_cost"]):
            raise ModelError(
                f"{what}, and max_cost is {cap:g}",
                where=self.spec.name,
                remedy="raise max_cost: what was answered is kept",
            )

    def _price(self, answer: Answer) -> float:
        prices = self._options["price_in"], self._options["price_out"]
        return float(answer.tokens_in * prices[0] + answer.tokens_out * prices[1]) / 1e6

    def _ask(self, sample: records.Sample, question: str) -> Answer:
        from openai import OpenAIError

        numbers = [str(i + 1) for i in range(len(self._classes))]
        schema = {
            "type": "object",
            "properties": {"number": {"type": "string", "enum": numbers}},
            "required": ["number"],
            "additionalProperties": False,
        }
        alone = self._options["samples"] == 1
        image, jpeg = open_photo(sample.image, sample.bits), io.BytesIO()
        image.thumbnail((self._options["side"],) * 2)
        image.save(jpeg, "JPEG", quality=90)
        photo = {"url": f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}"}
        content = [{"type": "text", "text": question}, {"type": "image_url", "image_url": photo}]
        start = time.perf_counter()
        try:
            reply = self._client.chat.completions.create(
                model=self.spec.weights,
                messages=[{"role": "user", "content": content}],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "strict": True, "schema": schema},
                },
                temperature=0.0 if alone else 1.0,
                max_tokens=_TOKENS_AT_MOST,
                **({"logprobs": True, "top_logprobs": _TOP} if alone else {}),
            )
            choice, usage = reply.choices[0], reply.usage
        except (OpenAIError, ValueError, AttributeError, IndexError, TypeError) as error:
            raise ModelError(
                f"the server gave no answer ({one_line(error, 120)})",
                where=f"{self.spec.name}, {self._options['endpoint']}",
                remedy="try again later: what was answered is kept",
            ) from error
        number, shares = _read(choice, numbers)
        return Answer(
            number=number,
            shares=shares,
            tokens_in=int(getattr(usage, "prompt_tokens", 0) or 0),
            tokens_out=int(getattr(usage, "completion_tokens", 0) or 0),
            seconds=time.perf_counter() - start,
        )


def _read(choice: Any, numbers: Sequence[str]) -> tuple[int, tuple[float, ...]]:
    """The number that was said, 0 for none of the list, and (C,) probabilities.

    Those come from the token that is the number, where one token is; else there are none.
    """
    try:
        number = int(json.loads(choice.message.content or "")["number"])
    except (ValueError, TypeError, KeyError):
        number = 0
    if not 1 <= number <= len(numbers):
        return 0, ()
    tokens = getattr(choice.logprobs, "content", None) or ()
    at = [token for token in tokens if token.token.strip(' "') == str(number)]
    shares = dict.fromkeys(numbers, 0.0)
    for token in at[0].top_logprobs if len(at) == 1 else ():
        if (name := token.token.strip(' "')) in shares:
            shares[name] += math.exp(token.logprob)
    total = sum(shares.values())
    return number, tuple(share / total for share in shares.values()) if total else ()


def _is_local(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# ------------------------------------------------- what is asked of a kind of model


def availability(spec: records.ModelSpec, *, offline: bool) -> records.Availability:
    """Whether it could be asked; see :class:`evaluation.models.base.Maker`."""
    endpoint = str(spec.options.get("endpoint", OPTIONS["endpoint"]))
    trouble: tuple[str, str, Reason]
    if importlib.util.find_spec("openai") is None:
        trouble = "it needs the package openai", 'pip install "veille-clip[chat]"', "no-package"
    elif not is_address(endpoint):
        remedy = "write the http(s) address of its server, up to /v1"
        trouble = "options.endpoint is missing", remedy, "no-file"
    elif offline and not _is_local(endpoint):
        trouble = "it is not on this machine", "run without --offline", "offline"
    else:
        return READY
    what, remedy, reason = trouble
    raise WeightsUnavailable(what, where=spec.name, remedy=remedy, reason=reason)


def fetch(spec: records.ModelSpec, loading: Loading) -> None:
    """Nothing: its weights are the server's.  Raises as :func:`load`."""
    availability(spec, offline=loading.offline)


def load(spec: records.ModelSpec, loading: Loading) -> ChatModel:
    """What asks the server; see :func:`evaluation.models.load_model`.

    Raises :class:`WeightsUnavailable`: it cannot be asked here and now; :class:`ModelError`: the
    options make no sense.
    """
    check_options(spec, {name: type(value) for name, value in OPTIONS.items()})
    availability(spec, offline=loading.offline)
    if loading.photos is None:
        raise ModelError("it needs a study to belong to", where=spec.name)
    return ChatModel(spec, loading, loading.photos.classes, None)
