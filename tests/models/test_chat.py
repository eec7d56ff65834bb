"""A vision-language model behind an endpoint: a real server on loopback, with its faults."""

from __future__ import annotations

import base64
import io
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.errors import ModelError
from evaluation.models import Loading, availability, load_model
from evaluation.models.chat import ChatModel
from evaluation.records import ModelSpec, PromptSet, Sample, TrainingPhotos
from evaluation.stages.settings import Settings
from tests.conftest import REPOSITORY
from tests.models.chat_server import ChatServer, chat_server, half, slow, status
from tests.stages.opened import opened_study
from tests.studies import write_study

pytest.importorskip("openai")

CLASSES = ("bag", "mug", "watch")
PROMPTS = PromptSet(
    name="p", title="", language="en",
    texts={"bag": ("a bag",), "mug": ("a mug", "a cup"), "watch": ("a watch",)},
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


@pytest.fixture
def samples(tmp_path: Path) -> tuple[Sample, ...]:
    made = []
    for number, label in enumerate(CLASSES * 2):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (900, 300), (40 * number, 90, 10)).save(path)
        made.append(
            Sample(id=path.name, image=path, label=label, digest=f"d{number}", pixels=f"p{number}",
                   width=900, height=300)
        )  # fmt: skip
    return tuple(made)


def asking(server: ChatServer, cache: Path, **options: object) -> ChatModel:
    spec = ModelSpec(
        name="vlm", kind="chat", weights="qwen", title="",
        options={"endpoint": server.endpoint, **options},  # type: ignore[dict-item]
    )  # fmt: skip
    photos = TrainingPhotos(classes=CLASSES, train=(), validation=(), load=lambda _: None, seed=0)  # type: ignore[arg-type, return-value]
    model = load_model(spec, Loading(cache=cache, photos=photos))
    assert isinstance(model, ChatModel)
    return model.reading(PROMPTS)


def test_the_question_holds_the_texts_the_numbers_and_the_photo(
    server: ChatServer, samples: tuple[Sample, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every text of a class on its line; a schema of the numbers alone; the photo made small."""
    monkeypatch.setenv("MY_KEY", "secret")
    asking(server, tmp_path, key_variable="MY_KEY", side=128).predict(samples[:1])
    (body,) = server.asked
    text, photo = body["messages"][0]["content"]
    assert "2. a mug; a cup\n3. a watch" in text["text"]
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["number"]["enum"] == ["1", "2", "3"]
    content = base64.b64decode(photo["image_url"]["url"].partition(",")[2])
    assert max(Image.open(io.BytesIO(content)).size) == 128
    assert server.keys == ["Bearer secret"]
    assert b"secret" not in b"".join(one.read_bytes() for one in tmp_path.glob("*.sqlite"))


def test_probabilities_come_of_the_tokens(
    server: ChatServer, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    """Where the server gives log-probabilities: those of the numbers, which add up to one."""
    server.shares = (0.2, 0.6, 0.1)
    found = asking(server, tmp_path).predict(samples)
    np.testing.assert_allclose(found.probabilities, [[2 / 9, 6 / 9, 1 / 9]] * 6)


def test_votes_of_several_samples(
    server: ChatServer, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    """Without them: how often each number was said."""
    server.say = lambda asked: f'{{"number": "{(2, 2, 3, 2)[asked % 4]}"}}'
    found = asking(server, tmp_path, samples=4).predict(samples[:1])
    np.testing.assert_allclose(found.probabilities, [[0, 0.75, 0.25]])


@pytest.mark.parametrize(
    "said", ["I cannot help with that.", '{"number": "4"}', '{"number": "0"}', "[]", '{"n": 1}', ""]
)
def test_what_is_none_of_the_list_is_an_error(
    said: str, server: ChatServer, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    """Refusals and answers outside the list are counted, and never right by luck, whatever the
    server gives as log-probabilities.
    """
    server.say = lambda _: said
    server.shares = (0.2, 0.6, 0.1) if said.startswith('{"number"') else ()
    model = asking(server, tmp_path)
    found = model.predict(samples)
    assert not (found.predicted == found.labels).any()
    assert model.facts(samples)["refused"] == 6


def test_a_run_that_was_stopped_asks_for_what_is_missing_alone(
    server: ChatServer, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    """Each answer is kept as it comes, by photo, model and question."""
    model = asking(server, tmp_path)
    model.predict(samples[:4])
    model.predict(samples)
    assert len(server.asked) == 6
    model.reading(replace(PROMPTS, texts={**PROMPTS.texts, "bag": ("a satchel",)})).predict(
        samples[:1]
    )
    assert len(server.asked) == 7
    np.testing.assert_array_equal(
        asking(server, tmp_path).predict(samples).probabilities,
        model.predict(samples).probabilities,
    )
    assert len(server.asked) == 7


@pytest.mark.parametrize(
    "fault", [status(429), status(500), half, slow], ids=["429", "500", "half", "slow"]
)
def test_a_busy_server_is_asked_again(
    fault: object, server: ChatServer, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    """The client waits as it is told; half a body, or none within the time, is no answer."""
    server.faults = [fault, fault]  # type: ignore[list-item]
    asking(server, tmp_path, seconds=1).predict(samples[:2])
    assert len(server.asked) == 4


def test_a_server_that_gives_up_is_one_line(
    server: ChatServer, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    """What was answered before is kept."""
    model = asking(server, tmp_path)
    model.predict(samples[:3])
    server.faults = [status(404)]
    with pytest.raises(ModelError, match=r"gave no answer .*what was answered is kept") as caught:
        model.predict(samples)
    assert "\n" not in str(caught.value)
    model.predict(samples)
    assert len(server.asked) == 7


def test_cost_is_counted_and_capped(
    server: ChatServer, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    """The estimate comes before the first question; what the server counts stops the rest."""
    priced = {"price_in": 1000.0, "price_out": 0.0}
    with pytest.raises(ModelError, match=r"6 answers would cost some"):
        asking(server, tmp_path, max_cost=0.1, **priced).predict(samples)
    assert server.asked == []
    with pytest.raises(ModelError, match=r"was spent on 3 of 6 answers"):
        asking(server, tmp_path, max_cost=2.5, **priced).predict(samples)
    model = asking(server, tmp_path, max_cost=9.0, **priced)
    model.predict(samples)
    assert len(server.asked) == 6
    facts = model.facts(samples)
    assert (facts["tokens_in"], facts["tokens_out"], facts["cost_per_photo"]) == (6000, 60, 1.0)
    assert 0 < float(facts["seconds_per_photo"]) < 5


def test_no_photo_leaves_unasked(samples: tuple[Sample, ...], tmp_path: Path) -> None:
    """An address that is not of this machine needs send_photos = true, and the network."""
    far = ChatServer(endpoint="http://models.example.org/v1")
    with pytest.raises(ModelError, match=r"6 photos would be sent to models\.example\.org"):
        asking(far, tmp_path).predict(samples)
    spec = ModelSpec(
        name="vlm", kind="chat", weights="q", title="", options={"endpoint": far.endpoint}
    )
    assert not availability(spec, offline=True).ready
    assert not availability(replace(spec, options={}), offline=False).ready


def test_it_is_a_case_like_others(server: ChatServer, study: Path, tmp_path: Path) -> None:
    """A study scores it with each prompt set; a second run asks nothing."""
    more = (
        '[[models]]\nname = "vlm"\nkind = "chat"\nweights = "org/qwen"\ntitle = "VLM"\n'
        f'[models.options]\nendpoint = "{server.endpoint}"\n'
    )
    write_study(study, more=more)
    settings = Settings(artefacts=tmp_path / "artefacts", cache=tmp_path / "cache", device="cpu")
    opened = opened_study(study, settings)
    run = opened.score("vlm/noms")
    assert (run.status, run.error) == ("ok", None)
    asked = len(server.asked)
    assert asked == len(opened.data.split.test) + len(opened.data.split.validation)
    assert run.chosen["tokens_in"] == 1000 * len(opened.data.split.test)
    opened.score("vlm/noms")
    assert len(server.asked) == asked
    opened.score("vlm/descriptions")
    assert len(server.asked) == 2 * asked


ASKING = """
import sys
from pathlib import Path
from evaluation.models.base import Loading
from evaluation.models.chat import load
from evaluation.records import ModelSpec, PromptSet, Sample, TrainingPhotos
root, endpoint = Path(sys.argv[1]), sys.argv[2]
spec = ModelSpec(name="vlm", kind="chat", weights="q", title="", options={"endpoint": endpoint})
photos = TrainingPhotos(classes=("a", "b"), train=(), validation=(), load=None, seed=0)
texts = PromptSet(name="p", title="", language="en", texts={"a": ("a",), "b": ("b",)})
samples = [
    Sample(id=str(i), image=root / f"{i}.png", label="a", digest=str(i), pixels=str(i), width=16,
           height=16)
    for i in range(210)
]
load(spec, Loading(cache=root, photos=photos)).reading(texts).predict(samples)
"""


@pytest.mark.skipif("VEILLE_LONG" not in os.environ, reason="long: tox -e long")
def test_a_run_of_210_photos_killed_twice_asks_again_for_the_one_in_flight(
    server: ChatServer, tmp_path: Path
) -> None:
    """SIGKILL while some photo is being asked about; each answer is kept once."""
    for i in range(210):
        Image.effect_noise((16, 16), 60).convert("RGB").save(tmp_path / f"{i}.png")
    command = [sys.executable, "-c", ASKING, str(tmp_path), server.endpoint]
    for until in (70, 140):
        process = subprocess.Popen(command, cwd=REPOSITORY)
        while len(server.asked) < until:
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
        process.wait()
    assert subprocess.run(command, cwd=REPOSITORY, check=False).returncode == 0
    photos = Counter(body["messages"][0]["content"][1]["image_url"]["url"] for body in server.asked)
    assert (len(photos), max(photos.values()) <= 2) == (210, True)
    assert len(server.asked) <= 212
    with sqlite3.connect(tmp_path / "answers.sqlite") as store:
        assert store.execute("SELECT count(*) FROM replies").fetchone() == (210,)
