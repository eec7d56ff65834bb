"""Downloads: a hub on loopback that fails in every way, through the libraries' own code."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from huggingface_hub import constants, scan_cache_dir
from open_clip import pretrained
from PIL import Image

from evaluation.cli import main
from evaluation.errors import WeightsUnavailable
from evaluation.models import Loading, availability, fetch, hub, load_model
from evaluation.net.announced import placed
from evaluation.records import ModelSpec
from tests.models.hub_server import LARGE, Fault, HubServer, serving
from tests.studies import tiny_model, write_study

WEIGHTS, CONFIG = hub.HUB_WEIGHTS[0], hub.HUB_CONFIG
REPOSITORY = "someone/tiny"
SPEC = ModelSpec(name="tiny", kind="clip", weights=f"hf-hub:{REPOSITORY}", title="Tout petit")


@pytest.fixture(scope="module")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The configuration and weights of a tiny open_clip ViT."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_model(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_files: dict[str, bytes]
) -> Iterator[HubServer]:
    """A hub with the tiny model, an empty cache, a short patience."""
    with serving() as found:
        found.repositories[REPOSITORY] = dict(model_files)
        monkeypatch.setattr(constants, "ENDPOINT", found.endpoint)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            found.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
        # It reads ten megabytes at a time, and keeps none of a piece that is cut.
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 65536)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setattr(hub, "_silent", {})
        monkeypatch.setattr(time, "sleep", lambda _seconds: None)
        yield found


def _fetch(offline: bool = False, progress: Any = lambda *_: None) -> Any:
    return fetch(SPEC, Loading(cache=Path("never-used"), offline=offline, progress=progress))


def _load() -> Any:
    return load_model(SPEC, Loading(cache=Path("never-used"), device="cpu", offline=True))


def _cache_is_sound() -> bool:
    """Whether huggingface_hub finds nothing broken in its cache, if there is one."""
    if not Path(constants.HF_HUB_CACHE).is_dir():
        return True
    return not scan_cache_dir(constants.HF_HUB_CACHE).warnings


def _entries() -> int:
    if not Path(constants.HF_HUB_CACHE).is_dir():
        return 0
    found = scan_cache_dir(constants.HF_HUB_CACHE)
    return sum(len(revision.files) for repo in found.repos for revision in repo.revisions)


# ---------------------------------------------------------------------- what goes well


def test_a_repository_is_fetched_once_and_loads_offline(server: HubServer) -> None:
    """Its size is known before; then the model computes, and no request is made any more."""
    size = len(server.repositories[REPOSITORY][WEIGHTS])
    before = availability(SPEC, offline=False)
    assert (before.ready, before.download_bytes) == (False, size)
    assert server.gets(WEIGHTS) == []
    told: list[tuple[str, int, int]] = []
    found = _fetch(progress=lambda *given: told.append(given))
    assert (found.state, found.size, found.reason) == ("downloaded", size, "")
    assert told[-1] == (f"downloading hf-hub:{REPOSITORY} (MB)", 3, 3)
    assert [one[1] for one in told] == sorted(one[1] for one in told)

    asked = len(server.requests)
    assert availability(SPEC, offline=False).ready
    model = _load()
    image = model.preprocess(Image.fromarray(np.full((40, 60, 3), 90, np.uint8)))
    assert model.embed_images(image[None]).shape == (1, 16)
    assert model.weights_digest == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert _fetch().state == "cached"
    assert len(server.requests) == asked
    assert _cache_is_sound()


def test_the_cache_is_the_hub_s_own(server: HubServer) -> None:
    """What is fetched is an entry of the cache that other tools read, and theirs is ours."""
    _fetch()
    repo = next(iter(scan_cache_dir(constants.HF_HUB_CACHE).repos))
    assert repo.repo_id == REPOSITORY
    names = {file.file_name for revision in repo.revisions for file in revision.files}
    assert names == {CONFIG, WEIGHTS}
    assert server.gets(WEIGHTS)
    left = {path.suffix for path in Path(constants.HF_HUB_CACHE).rglob("*") if path.is_file()}
    assert left.isdisjoint({".fetched", ".part", ".json", ".incomplete"} - {Path(CONFIG).suffix})


def test_offline_sends_no_request(server: HubServer) -> None:
    """With --offline nothing is asked of the server, whether or not the weights are here."""
    assert "--offline" in availability(SPEC, offline=True).reason
    assert "--offline" in _fetch(offline=True).reason
    with pytest.raises(WeightsUnavailable, match="--offline"):
        _load()
    assert server.requests == []


def test_the_hub_s_own_switch_is_respected(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HF_HUB_OFFLINE forbids as --offline does, and is named."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE forbids" in _fetch().reason
    assert server.requests == []


def test_the_token_goes_to_the_hub_alone(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large files lie on another host, which is not shown the user's token."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert _fetch().state == "downloaded"
    by_hub = [one for one in server.requests if "/resolve/" in one.path]
    elsewhere = [one for one in server.requests if one.path.startswith("/cdn/")]
    assert {one.authorization for one in by_hub} == {"Bearer hf_secret"}
    assert elsewhere
    assert {one.authorization for one in elsewhere} == {None}


def test_a_repository_without_safetensors_gives_its_pickle(server: HubServer) -> None:
    """open_clip's second choice is taken when the first is not there, and read as tensors."""
    files = server.repositories[REPOSITORY]
    buffer = io.BytesIO()
    from safetensors.torch import load

    torch.save(load(files.pop(WEIGHTS)), buffer)
    files[hub.HUB_WEIGHTS[1]] = buffer.getvalue()
    assert _fetch().path.name == hub.HUB_WEIGHTS[1]
    assert _load().dim == 16


# ------------------------------------------------------------------- what goes wrong


def test_a_cut_is_resumed_where_it_happened(server: HubServer) -> None:
    """In one run: the second request asks for the rest only."""
    server.faults[WEIGHTS] = [Fault(cut=1_500_000)]
    assert _fetch().state == "downloaded"
    first, second = (one.range for one in server.gets(WEIGHTS) if one.path.startswith("/cdn/"))
    assert first is None
    assert second is not None
    assert 1_400_000 < int(second.removeprefix("bytes=").rstrip("-")) <= 1_500_000
    assert _load().dim == 16


def test_the_next_run_goes_on_from_what_came(server: HubServer) -> None:
    """A download that was given up is kept, outside the cache's entries, and completed later."""
    server.faults[WEIGHTS] = [Fault(cut=1_500_000), *[Fault(status=503)] * 3]
    lost = _fetch()
    assert lost.state == "missing"
    assert "HTTP 503" in lost.reason
    assert _cache_is_sound()
    assert _entries() == 0
    server.requests.clear()
    assert _fetch().state == "downloaded"
    (rest,) = (one.range for one in server.gets(WEIGHTS) if one.path.startswith("/cdn/"))
    assert rest is not None
    assert _load().dim == 16


def test_a_server_that_ignores_ranges_is_started_over(server: HubServer) -> None:
    """The pieces are not glued together wrongly."""
    server.faults[WEIGHTS] = [Fault(cut=1_500_000), Fault(no_range=True)]
    assert _fetch().state == "downloaded"
    assert _load().dim == 16


def test_a_server_in_trouble_is_asked_again(server: HubServer) -> None:
    """500 then 200, for what is announced and for the content."""
    server.faults[WEIGHTS] = [Fault(method="HEAD", status=500), Fault(status=500)]
    assert _fetch().state == "downloaded"


def test_a_slow_server_is_waited_for(server: HubServer) -> None:
    """Slow is no error as long as something comes."""
    server.faults[WEIGHTS] = [Fault(slow=0.05)]
    assert _fetch().state == "downloaded"


def test_a_wrong_checksum_is_thrown_away(server: HubServer) -> None:
    """One changed byte is noticed; nothing of it is kept, and the next attempt is clean."""
    server.faults[WEIGHTS] = [Fault(corrupt=True)]
    lost = _fetch()
    assert "another checksum than the one announced" in lost.reason
    assert _cache_is_sound()
    assert _entries() == 0
    assert not [path for path in Path(constants.HF_HUB_CACHE).rglob("*") if _is_large(path)]
    assert _fetch().state == "downloaded"


def test_a_small_file_is_checked_too(server: HubServer) -> None:
    """The hub names small files by git's checksum."""
    server.faults[CONFIG] = [Fault(corrupt=True)]
    assert "another checksum" in _fetch().reason
    assert _cache_is_sound()
    assert _fetch().state == "downloaded"


def _is_large(path: Path) -> bool:
    return path.is_file() and path.stat().st_size >= LARGE


TROUBLES = {
    "no such repository": ([Fault(method="HEAD", status=404, error_code="RepoNotFound")], "404"),
    "private": ([Fault(method="HEAD", status=401, error_code="RepoNotFound")], "401"),
    "unauthorised": ([Fault(method="HEAD", status=401)], "HF_TOKEN"),
    "gated": ([Fault(method="HEAD", status=403, error_code="GatedRepo")], "HF_TOKEN"),
    "down": ([Fault(method="HEAD", status=500)] * 3, "in trouble (HTTP 500)"),
    "too often": ([Fault(method="HEAD", status=429)] * 7, "429"),
    "silent": ([Fault(method="HEAD", silent=5)], "does not answer in time"),
    "half a file": ([Fault(half=True)] * 9, "another part than was asked for"),
    "cut for ever": ([Fault(cut=1_500_000, no_range=True)] * 30, "(cut at 1.5"),
    "silent content": ([Fault(silent=9)] * 9, "does not answer in time"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_is_one_line_and_leaves_no_broken_entry(
    trouble: str, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happened and what to do; then the hub recovers, and the model is had."""
    faults, words = TROUBLES[trouble]
    if "silent" in trouble:
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.3)
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    server.faults[WEIGHTS] = list(faults)
    lost = _fetch()
    assert lost.state == "missing"
    assert words in lost.reason
    assert "\n" not in lost.reason
    assert "local file" in lost.reason
    assert len(lost.reason) < 300
    assert _cache_is_sound()
    assert _entries() == 0
    server.faults.clear()
    monkeypatch.setattr(hub, "_silent", {})
    assert _fetch().state == "downloaded"
    assert _load().dim == 16


def test_a_hub_that_goes_silent_at_the_end_leaves_no_nameless_file(server: HubServer) -> None:
    """The last question, once everything came, fails: what came is kept for the next run."""
    server.faults[CONFIG] = [Fault(method="HEAD"), *[Fault(method="HEAD", status=500)] * 9]
    assert _fetch().state == "missing"
    assert _cache_is_sound()
    assert _entries() == 0
    server.faults.clear()
    server.requests.clear()
    assert _fetch().state == "downloaded"
    assert [one for one in server.gets(WEIGHTS) if one.path.startswith("/cdn/")] == []


def test_a_page_that_is_no_hub_is_told(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal that answers 200 to everything is not taken for weights."""
    monkeypatch.setattr(server, "find", lambda _path: ("page", b"<html>log in</html>", ""))
    assert "does not answer as a hub" in _fetch().reason
    assert _cache_is_sound()


def test_a_silent_hub_is_not_waited_for_twice(server: HubServer) -> None:
    """Five models do not wait five times: the second is told at once what the first found."""
    server.faults[CONFIG] = [Fault(method="HEAD", silent=5)] * 5
    assert "does not answer in time" in _fetch().reason
    asked = len(server.requests)
    start = time.perf_counter()
    assert "does not answer in time" in _fetch().reason
    assert time.perf_counter() - start < 0.5
    assert len(server.requests) == asked


@pytest.mark.usefixtures("server")
def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """What the system refuses is told with its own words."""
    (tmp_path / "hub").write_text("a file where the cache should be")
    lost = _fetch()
    assert "check the free space and the permissions" in lost.reason
    assert "\n" not in lost.reason


# ------------------------------------------------------------- tags and plain addresses


@pytest.fixture
def tag(
    monkeypatch: pytest.MonkeyPatch,
    model_files: dict[str, bytes],
    tmp_path: Path,
) -> Iterator[Callable[..., ModelSpec]]:
    """Makes a pretrained tag of a tiny architecture, as open_clip's table has them."""
    import open_clip
    from open_clip import factory

    paths, configs = list(factory._MODEL_CONFIG_PATHS), dict(factory._MODEL_CONFIGS)
    config = json.loads(model_files[CONFIG])["model_cfg"]
    (tmp_path / "tiny-tag.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-tag.json")

    def make(**entry: str) -> ModelSpec:
        table = {"toy": pretrained._pcfg(**entry)}
        monkeypatch.setitem(pretrained._PRETRAINED, "tiny-tag", table)
        return ModelSpec(
            name="tag", kind="clip", architecture="tiny-tag", weights="toy", title="Jouet"
        )

    yield make
    factory._MODEL_CONFIG_PATHS[:] = paths
    factory._MODEL_CONFIGS.clear()
    factory._MODEL_CONFIGS.update(configs)


def test_a_tag_of_the_hub(server: HubServer, tag: Callable[..., ModelSpec]) -> None:
    """An architecture and a tag: open_clip's table says which repository."""
    spec = tag(hf_hub=f"{REPOSITORY}/")
    size = len(server.repositories[REPOSITORY][WEIGHTS])
    assert availability(spec, offline=False).download_bytes == size
    assert fetch(spec, Loading(cache=Path("unused"), offline=False)).state == "downloaded"
    asked = len(server.requests)
    assert load_model(spec, Loading(cache=Path("unused"), device="cpu", offline=True)).dim == 16
    assert len(server.requests) == asked


@pytest.mark.parametrize("kind", ["openai", "mlfoundations", "unknown"])
def test_a_plain_address(
    kind: str, server: HubServer, tag: Callable[..., ModelSpec], model_files: dict[str, bytes]
) -> None:
    """A tag that has only an address: size, resume, checksum, and open_clip's own cache."""
    content = model_files[WEIGHTS]
    digest = hashlib.sha256(content).hexdigest()
    path = {
        "openai": f"/openaipublic/clip/models/{digest}/tiny.safetensors",
        "mlfoundations": f"/mlfoundations/releases/tiny-{digest[:8]}.safetensors",
        "unknown": "/elsewhere/tiny.safetensors",
    }[kind]
    name = path.rpartition("/")[2]
    server.plain[path] = content
    spec = tag(url=server.endpoint + path)
    found = availability(spec, offline=False)
    assert found.download_bytes == len(content)

    kept = Path("~/.cache/clip").expanduser() / name
    if kind != "unknown":
        server.faults[name] = [Fault(corrupt=True)]
        assert "checksum" in fetch(spec, Loading(cache=Path("unused"), offline=False)).reason
        assert not kept.exists()
    server.faults[name] = [Fault(half=True)]
    server.requests.clear()
    got = fetch(spec, Loading(cache=Path("unused"), offline=False))
    assert (got.state, got.path) == ("downloaded", kept)
    assert kept.read_bytes() == content
    assert load_model(spec, Loading(cache=Path("unused"), device="cpu", offline=True)).dim == 16
    assert [one.range for one in server.gets(name)] == [None, f"bytes={len(content) // 2}-"]


def test_a_partial_file_of_another_version_is_dropped(server: HubServer, tmp_path: Path) -> None:
    """A partial file that is longer than what is announced cannot be the beginning of it."""
    server.plain["/w.bin"] = b"x" * 1000
    url = f"{server.endpoint}/w.bin"
    remote = hub.PlainFile(what="w", url=url, target=tmp_path / "w.bin").announced()
    remote.target.write_bytes(b"y" * 2000)
    with placed(remote, what="w"):
        assert remote.place.read_bytes() == b"x" * 1000


def test_digests_are_read_in_addresses() -> None:
    """OpenAI's folder, open_clip's and torchvision's file names; nothing is invented."""
    digest = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
    assert hub.digest_in_url(f"https://host/clip/models/{digest}/ViT-B-32.pt") == digest
    assert hub.digest_in_url("https://host/models/densenet201-c1103571.pth") == "c1103571"
    assert hub.digest_in_url("https://host/models/vit_b_32.pt?token=deadbeef") == ""


# -------------------------------------------------------------------- whole programs

FETCH_THEN_LOAD = """
import urllib.request
from pathlib import Path
from evaluation.models import Loading, fetch, load_model
from evaluation.records import ModelSpec, PromptSet
spec = ModelSpec(name="m", kind="clip", weights="hf-hub:someone/words", title="M")
print(fetch(spec, Loading(cache=Path("unused"))).state)
urllib.request.urlopen("ENDPOINT/?fetched").close()
print(fetch(spec, Loading(cache=Path("unused"), offline=True)).state)
model = load_model(spec, Loading(cache=Path("unused"), device="cpu", offline=True))
prompts = PromptSet(name="p", title="P", language="en", texts={"a": ("red",), "b": ("disc",)})
head = model.head(("a", "b"), prompts=prompts)
print(head.weight.shape)
"""


def test_a_tokenizer_of_the_hub_is_fetched_with_the_weights(
    server: HubServer, tmp_path: Path
) -> None:
    """A whole program, told of the hub by HF_ENDPOINT: a model whose tokenizer lies in another
    repository is fetched with it, and once all is here nothing is asked any more.
    """
    toy = Path(__file__).parents[1] / "explain" / "toy" / "cls"
    files = {path.name: path.read_bytes() for path in toy.iterdir()}
    config = json.loads(files[CONFIG])
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "someone/tokens"
    tokens = {name: files.pop(name) for name in ("tokenizer.json", "tokenizer_config.json")}
    server.repositories["someone/words"] = files | {CONFIG: json.dumps(config).encode()}
    server.repositories["someone/tokens"] = tokens
    environment = {name: text for name, text in os.environ.items() if not name.startswith("HF_")}
    environment |= {
        "HF_ENDPOINT": server.endpoint, "HF_HOME": str(tmp_path / "hf"), "HOME": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", FETCH_THEN_LOAD.replace("ENDPOINT", server.endpoint)],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout.split("\n") == ["downloaded", "cached", "(2, 64)", ""], done.stderr
    assert server.requests[-1].path == "/?fetched"
    assert server.gets("tokenizer.json")


def test_veille_weights_fetches_a_study(server: HubServer, study: Path) -> None:
    """Sizes are announced, the table says what came of each model, offline asks nobody."""
    write_study(
        study,
        f'[[models]]\nname = "hub"\nkind = "clip"\nweights = "hf-hub:{REPOSITORY}"\n'
        'title = "Du hub"\n[[models]]\nname = "nowhere"\nkind = "clip"\n'
        'weights = "hf-hub:nobody/nothing"\ntitle = "Nulle part"\n',
    )
    done = CliRunner().invoke(main, ["weights", str(study)])
    assert done.exit_code == 1, done.output
    assert f"to download  hub: 3.3 MB (hf-hub:{REPOSITORY})" in done.output
    rows = {row.split()[0]: row for row in done.output.splitlines() if row.strip()}
    assert " local " in rows["tiny"]
    assert " downloaded " in rows["hub"]
    assert " missing " in rows["nowhere"]
    assert "HTTP 404" in rows["nowhere:"]
    asked = len(server.requests)
    done = CliRunner().invoke(main, ["weights", str(study), "--offline"])
    assert len(server.requests) == asked
    rows = {row.split()[0]: row for row in done.output.splitlines() if row.strip()}
    assert " cached " in rows["hub"]
    assert "--offline forbids" in rows["nowhere:"]
