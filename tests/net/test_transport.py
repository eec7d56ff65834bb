"""Servers that mean no good: photos and weights come by the same road, and both say one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from evaluation.errors import DownloadError, VeilleError, WeightsUnavailable
from evaluation.net import announced, download, transport
from tests.hostile_server import HOSTILE, serving


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE", 0.3)
    monkeypatch.setattr(transport, "TIMEOUT", 2.0)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


def _line(error: VeilleError) -> str:
    text = str(error)
    assert all(character.isprintable() for character in text)
    assert len(text) < 600
    assert error.remedy
    return text


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_server_is_one_line_in_bounded_time(kind: str, tmp_path: Path) -> None:
    """No traceback, no control character, no file that would be taken for the archive."""
    target = tmp_path / "archive.zip"
    start = time.monotonic()
    with serving(HOSTILE[kind]) as url, pytest.raises(DownloadError) as caught:
        download.download(download.Wanted(url=f"{url}/a.zip", target=target), pauses=(0,))
    assert url in _line(caught.value)
    assert time.monotonic() - start < 15
    assert not target.exists()


@pytest.mark.parametrize("kind", HOSTILE)
def test_weights_stand_the_same_servers(kind: str, tmp_path: Path) -> None:
    """What was announced, however it was, does not come: one line, nothing in the cache."""
    with serving(HOSTILE[kind]) as url:
        remote = announced.RemoteFile(
            url=f"{url}/w.pt",
            size=500_000,
            digest="0" * 64,
            place=tmp_path / "w.pt",
            target=tmp_path / "w.pt.fetched",
        )
        with pytest.raises(WeightsUnavailable) as caught, announced.placed(remote, what="w"):
            pass
    assert "local file" in _line(caught.value) or "checksum" in str(caught.value)
    assert not (tmp_path / "w.pt").exists()


ADDRESSES = [
    *("http://[::1", "http://", "ftp://h/a.zip", "file:///etc/passwd", "http://a b/"),
    *("http://é\x1b/x", f"http://{'x' * 300}/", "http://h:99999999/"),
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_that_is_none_is_one_line(url: str, tmp_path: Path) -> None:
    """What a study declares is not always an address."""
    wanted = download.Wanted(url=url, target=tmp_path / "a.zip")
    with pytest.raises(DownloadError) as caught:
        download.download(wanted, pauses=())
    _line(caught.value)


def test_a_number_of_any_length_is_read() -> None:
    """Headers announce what they like; int() refuses beyond 4,300 digits."""
    assert transport.whole_number(" 12 ") == 12
    assert transport.whole_number("9" * 5000) == 10**18
    assert [transport.whole_number(text) for text in (None, "", "-1", "１２", "1e3")] == [None] * 5
