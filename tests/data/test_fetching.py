"""A study's photos from a loopback server: resumed, taken out safely, checked."""

from __future__ import annotations

import csv
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from evaluation.cli import main
from evaluation.data import fetching
from evaluation.data.fetching import Fetched, fetch_dataset
from evaluation.data.loading import load_dataset
from evaluation.errors import DataError
from evaluation.net import archive, download, transport
from evaluation.records import DatasetSpec
from evaluation.study.config import load_study
from tests.data.archive_server import ArchiveServer, serving

CSV = "flipkart_com-ecommerce_sample_1050.csv"
SPEC = DatasetSpec(kind="flipkart", csv=CSV, images="Images", rows=6)
TOP = "Dataset projet prétraitement textes images/Flipkart"
NAMES = tuple(f"{i:032x}.jpg" for i in range(6))


def photo(seed: int) -> bytes:
    """A JPEG of noise, some 3 kB, which does not compress."""
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (48, 48), np.uint8)
    Image.fromarray(noise).save(file, "JPEG", quality=95)
    return file.getvalue()


def table(names: tuple[str, ...] = NAMES) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["uniq_id", "image", "product_category_tree", "product_name"])
    for number, name in enumerate(names):
        label = ("Watches", "Mugs")[number % 2]
        writer.writerow([name[:-4], name, f'["{label} >> {label} of glass"]', f"Product {number}"])
    return file.getvalue().encode()


def zipped(files: Mapping[str, bytes], *, utf8: bool = True) -> bytes:
    """A ZIP archive; without ``utf8``, of a tool that does not say how names are encoded."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    content = bytearray(raw.getvalue())
    for mark, flags in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        start = -1
        while not utf8 and (start := content.find(mark, start + 1)) >= 0:
            content[start + flags] &= ~0x08
    return bytes(content)


def published(top: str = TOP, *, lacking: int = 1) -> dict[str, bytes]:
    """The files of OpenClassrooms' archive, with what macOS adds to it."""
    photos = {f"{top}/Images/{name}": photo(i) for i, name in enumerate(NAMES)}
    for name in NAMES[len(NAMES) - lacking :]:
        del photos[f"{top}/Images/{name}"]
    return {
        f"{top}/.DS_Store": b"x",
        f"__MACOSX/{top}/Images/._{NAMES[0]}": b"x",
        f"{top}/{CSV}": table(),
        **photos,
    }


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with serving(zipped(published())) as running:
        yield running


@pytest.fixture
def fetch(server: ArchiveServer, tmp_path: Path) -> Callable[..., Fetched]:
    """Fetches into ``root`` without waiting between attempts."""

    def run(spec: DatasetSpec = SPEC, *, source: str | None = None, **options: object) -> Fetched:
        return fetch_dataset(
            replace(spec, archive=server.url), name="flipkart", root=tmp_path / "root",
            source=source, pauses=(0, 0, 0), **options,
        )  # fmt: skip

    return run


def line_of(act: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files_of(root: Path) -> set[str]:
    return {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}


# ------------------------------------------------------------------------ fetching


def test_photos_are_put_where_the_study_declares_them(
    fetch: Callable[..., Fetched], tmp_path: Path
) -> None:
    """The table and the photos alone, out of their folders; what the archive lacks is named."""
    sizes: list[tuple[int | None, int]] = []
    steps: list[tuple[str, int, int]] = []
    found = fetch(
        announce=lambda total, here: sizes.append((total, here)),
        watch=lambda *step: steps.append(step),
    )
    root = tmp_path / "root"
    assert found == Fetched(photos=6, missing=(f"Images/{NAMES[5]}",), written=6, kept=0)
    assert files_of(root) == {CSV, fetching.MEMORY, *(f"Images/{name}" for name in NAMES[:5])}
    assert (root / "Images" / NAMES[2]).read_bytes() == photo_in_archive(2)
    assert sizes == [(len(zipped(published())), 0)]
    assert ("extracting", 6, 6) in steps
    dataset = load_dataset(SPEC, name="flipkart", root=root, cache=tmp_path / "cache")
    assert (len(dataset.samples), len(dataset.missing)) == (5, 1)


def photo_in_archive(number: int) -> bytes:
    return published()[f"{TOP}/Images/{NAMES[number]}"]


def test_a_second_call_asks_nobody(fetch: Callable[..., Fetched], server: ArchiveServer) -> None:
    """All is there but what the archive lacks, and that is remembered."""
    fetch()
    again = fetch()
    assert (again.written, again.missing) == (0, (f"Images/{NAMES[5]}",))
    assert len(server.asked) == 1


def test_a_deleted_photo_is_fetched_again_and_nothing_is_overwritten(
    fetch: Callable[..., Fetched], tmp_path: Path
) -> None:
    """Photos that somebody made smaller stay as they are."""
    fetch()
    images = tmp_path / "root" / "Images"
    (images / NAMES[0]).unlink()
    (images / NAMES[1]).write_bytes(b"smaller")
    found = fetch()
    assert (found.written, found.kept) == (1, 5)
    assert (images / NAMES[1]).read_bytes() == b"smaller"


def test_photos_that_came_otherwise_are_recognised(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path
) -> None:
    """A folder that holds all the photos needs no archive."""
    images = tmp_path / "root" / "Images"
    images.mkdir(parents=True)
    (tmp_path / "root" / CSV).write_bytes(table())
    for i, name in enumerate(NAMES):
        (images / name).write_bytes(photo(i))
    assert fetch() == Fetched(photos=6, missing=(), written=0, kept=0)
    assert server.asked == []


@pytest.mark.parametrize("source", ["zip", "text"])
def test_an_archive_that_is_here_is_used_and_kept(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path, source: str
) -> None:
    """--archive takes a file; right or wrong, it is the user's own."""
    file = tmp_path / "mine.zip"
    file.write_bytes(server.content if source == "zip" else b"no archive")
    if source == "zip":
        assert fetch(source=str(file)).written == 6
    else:
        assert "mine.zip: not a ZIP archive" in line_of(lambda: fetch(source=str(file)))
    assert file.exists()
    assert server.asked == []


def test_an_archive_that_is_not_here_is_one_line(
    fetch: Callable[..., Fetched], tmp_path: Path
) -> None:
    """A wrong path is said to be one."""
    assert "no such archive" in line_of(lambda: fetch(source=str(tmp_path / "gone.zip")))


def test_two_in_one_folder_wait_for_each_other(
    fetch: Callable[..., Fetched], server: ArchiveServer
) -> None:
    """The second one begins when the first has ended, and finds all that it brought."""
    inside, on = threading.Event(), threading.Event()

    def waits(*_: object) -> None:
        inside.set()
        on.wait(20)

    with ThreadPoolExecutor(2) as both:
        first = both.submit(fetch, announce=waits)
        assert inside.wait(20)
        second = both.submit(fetch)
        time.sleep(0.2)
        assert not second.done()
        assert len(server.asked) == 1
        on.set()
        assert (first.result().written, second.result().written) == (6, 0)
    assert len(server.asked) == 1


# -------------------------------------------------------------------------- faults


def test_a_cut_goes_on_where_it_was(fetch: Callable[..., Fetched], server: ArchiveServer) -> None:
    """Each byte is sent once, over two cuts and a 500."""
    server.faults = ["cut 3000", 500, "cut 2500"]
    assert fetch().written == 6
    assert server.asked == [None, "bytes=3000-", "bytes=3000-", "bytes=5500-"]
    assert server.sent == len(server.content)


def test_a_later_call_goes_on_too(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path
) -> None:
    """What a call that gave up left is kept, and announced by the next one."""
    server.faults = ["cut 4000", 503, 503, 503]
    line = line_of(fetch)
    assert "stopped" in line
    assert "503" in line
    assert "goes on from there" in line
    assert (tmp_path / "root" / fetching.UNFINISHED / "archive.zip.part").stat().st_size == 4000
    sizes: list[tuple[int | None, int]] = []
    fetch(announce=lambda total, here: sizes.append((total, here)))
    assert sizes == [(len(server.content), 4000)]
    assert not (tmp_path / "root" / fetching.UNFINISHED).exists()


@pytest.mark.parametrize("fault", ["whole", "shifted"])
def test_a_server_that_ignores_the_range_is_understood(
    fetch: Callable[..., Fetched], server: ArchiveServer, fault: str
) -> None:
    """The whole file is taken as such; another part than was asked for is never used."""
    server.faults = ["cut 3000", fault]
    assert fetch().written == 6


def test_another_version_is_fetched_from_its_start(
    fetch: Callable[..., Fetched], server: ArchiveServer
) -> None:
    """Halves of two versions are never joined."""
    server.faults = ["cut 3000", 500, 500, 500]
    line_of(fetch)
    server.content, server.tag = zipped(published("Other/place", lacking=0)), '"v2"'
    assert fetch().missing == ()
    assert server.asked[-1] == "bytes=3000-"


def test_a_part_that_is_already_whole_is_started_again(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path
) -> None:
    """A kill after the last byte: the server has no such range, and the file is fetched anew."""
    server.faults = ["cut 3000", 500, 500, 500]
    line_of(fetch)
    part = tmp_path / "root" / fetching.UNFINISHED / "archive.zip.part"
    part.write_bytes(server.content)
    assert fetch().written == 6
    assert server.asked[-2:] == [f"bytes={len(server.content)}-", None]


def test_a_file_without_a_length_is_taken_to_its_end(
    fetch: Callable[..., Fetched], server: ArchiveServer
) -> None:
    """Its size is announced as unknown."""
    server.faults = ["endless"]
    sizes: list[tuple[int | None, int]] = []
    assert fetch(announce=lambda total, here: sizes.append((total, here))).written == 6
    assert sizes == [(None, 0)]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_one_line_at_once(
    fetch: Callable[..., Fetched], server: ArchiveServer, status: int
) -> None:
    """It is not tried again, and the line names the status and the address."""
    server.faults = [status]
    line = line_of(fetch)
    assert f"the server answers {status}" in line
    assert line.startswith(server.url)
    assert len(server.asked) == 1


def test_a_server_in_trouble_is_tried_four_times(
    fetch: Callable[..., Fetched], server: ArchiveServer
) -> None:
    """500 for good: one line, after three more attempts."""
    server.faults = [500] * 9
    assert "the server answers 500" in line_of(fetch)
    assert len(server.asked) == 4


def test_nothing_that_answers_is_one_line(fetch: Callable[..., Fetched], tmp_path: Path) -> None:
    """A closed port: the line names the host, and no folder is taken for filled."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    line = line_of(lambda: fetch(source=f"http://{address}/a.zip"))
    assert f"{address} does not answer" in line
    assert not (tmp_path / "root" / CSV).exists()


def test_a_silent_server_is_given_up(
    fetch: Callable[..., Fetched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection on which nothing comes ends after the time that is allowed."""
    monkeypatch.setattr(transport, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        line = line_of(lambda: fetch(source=f"http://127.0.0.1:{silent.getsockname()[1]}/a.zip"))
    assert "timed out" in line


def test_a_redirection_leads_to_no_local_file(
    fetch: Callable[..., Fetched], server: ArchiveServer
) -> None:
    """Only http and https are followed."""
    secret = Path(__file__)
    with serving(b"") as other:
        handler = other.RequestHandlerClass

        def redirect(self: object) -> None:
            self.send_response(302)  # type: ignore[attr-defined]
            self.send_header("Location", secret.as_uri())  # type: ignore[attr-defined]
            self.end_headers()  # type: ignore[attr-defined]

        other.RequestHandlerClass = type("Redirecting", (handler,), {"do_GET": redirect})
        assert "302" in line_of(lambda: fetch(source=other.url))
    assert server.asked == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110
def _full_at(name: str) -> Callable[..., None]:
    """Copies until a file is copied, on which the system itself says ENOSPC."""
    copy = shutil.copyfileobj

    def copied(source: Any, target: Any) -> None:
        if source.name.endswith(name):
            with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
                copy(source, full)
        copy(source, target)

    return copied


def test_a_full_disk_keeps_what_was_fetched(
    fetch: Callable[..., Fetched],
    server: ArchiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ENOSPC from the system itself: one line, and the next call fetches nothing again."""
    photos = tmp_path / "root" / "Images"
    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", _full_at(NAMES[2]))
        assert "the disk is full; free some disk space" in line_of(fetch)
    assert not (photos / NAMES[2]).exists()
    assert fetch().missing == (f"Images/{NAMES[5]}",)
    assert len(server.asked) == 1


def test_a_disk_without_room_is_known_before(
    fetch: Callable[..., Fetched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The announced size is compared with what is free."""
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("U", (), {"free": 10})())
    assert "the disk is full: 0 MB are needed" in line_of(fetch)


# -------------------------------------------------------------------- wrong archives


def test_a_page_instead_of_an_archive_is_one_line(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path
) -> None:
    """What it starts with is shown; nothing of it stays, and the next call fetches again."""
    right, server.content = server.content, b"<!DOCTYPE html><title>Sign in</title>"
    assert "<!DOCTYPE html>" in line_of(fetch)
    assert files_of(tmp_path / "root") == set()
    server.content, server.tag = right, '"v2"'
    assert fetch().written == 6


def test_a_damaged_archive_is_one_line(
    fetch: Callable[..., Fetched], server: ArchiveServer
) -> None:
    """A photo whose sum is wrong is not written."""
    with zipfile.ZipFile(io.BytesIO(server.content)) as made:
        middle = made.getinfo(f"{TOP}/Images/{NAMES[3]}").header_offset + 1000
    content = bytearray(server.content)
    content[middle] ^= 0xFF
    server.content = bytes(content)
    assert "damaged archive" in line_of(fetch)


def test_half_an_archive_is_one_line(fetch: Callable[..., Fetched], server: ArchiveServer) -> None:
    """A file cut on the server's own disk has no directory."""
    server.content = server.content[: len(server.content) // 2]
    assert "not a ZIP archive" in line_of(fetch)


def test_an_archive_of_something_else_is_one_line(
    fetch: Callable[..., Fetched], server: ArchiveServer
) -> None:
    """The line says what was looked for and what was found."""
    server.content = zipped({"other/readme.txt": b"hello"})
    line = line_of(fetch)
    assert CSV in line
    assert "other/readme.txt" in line


def test_a_table_of_another_length_is_refused(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path
) -> None:
    """It is not left in the folder, so that the right archive can still fill it."""
    files = published() | {f"{TOP}/{CSV}": table(NAMES[:4])}
    right, server.content = server.content, zipped(files)
    assert "lists 4 photos, not the 6" in line_of(fetch)
    assert files_of(tmp_path / "root") == set()
    server.content = right
    assert fetch().written == 6


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(published(""), id="at the top"),
        pytest.param(published("a/b/c/d"), id="deep"),
        pytest.param(
            {k.replace(f"{TOP}/Images", "elsewhere/Images"): v for k, v in published().items()},
            id="photos apart",
        ),
    ],
)
def test_the_table_may_lie_anywhere(
    fetch: Callable[..., Fetched], server: ArchiveServer, layout: dict[str, bytes]
) -> None:
    """Wherever the table and the folder Images lie, they go where the study declares them."""
    server.content = zipped({k.lstrip("/"): v for k, v in layout.items()})
    assert fetch().missing == (f"Images/{NAMES[5]}",)


def test_names_of_unsaid_encoding_are_read(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path
) -> None:
    """UTF-8 that is not marked as such, decomposed as macOS writes it, is still the name."""
    name = "photo e\u0301te\u0301.jpg"
    names = (name, *NAMES[1:])
    files = {
        f"{TOP}/{CSV}": table(names),
        **{f"{TOP}/Images/{one}": photo(i) for i, one in enumerate(names)},
    }
    server.content = zipped(files, utf8=False)
    assert fetch().missing == ()
    assert (tmp_path / "root" / "Images" / "photo été.jpg").is_file()


def test_a_folder_study_has_its_class_folders_at_the_root(
    server: ArchiveServer, tmp_path: Path
) -> None:
    """Without a table, the folders that all photos share are left out."""
    server.content = zipped({f"set/photos/{c}/{i}.jpg": photo(i) for c in "ab" for i in range(2)})
    spec = DatasetSpec(kind="folder", archive=server.url)
    for _ in range(2):
        found = fetch_dataset(spec, name="s", root=tmp_path / "root")
    assert (found.photos, found.written) == (4, 0)
    assert (tmp_path / "root" / "a" / "1.jpg").is_file()
    assert len(server.asked) == 1


# --------------------------------------------------------------------------- safety


def _link(target: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"{TOP}/Images/{NAMES[0]}")
    info.external_attr = (0o120777) << 16
    info.comment = target.encode()
    return info


def hostile(kind: str) -> bytes:
    """An archive that would do harm."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(f"{TOP}/{CSV}", table())
        if kind == "climbs":
            made.writestr(f"{TOP}/Images/../../../../evil.jpg", b"x")
        elif kind == "climbs on Windows":
            made.writestr("Images\\..\\..\\evil.jpg", b"x")
        elif kind == "absolute":
            made.writestr("/etc/evil.jpg", b"x")
        elif kind == "drive":
            made.writestr("C:/Images/evil.jpg", b"x")
        elif kind == "link":
            made.writestr(_link("/etc"), b"/etc")
        elif kind == "bomb":
            made.writestr(f"{TOP}/Images/{NAMES[0]}", b"\0" * (8 << 20))
        elif kind == "twice":
            made.writestr(f"{TOP}/Images/{NAMES[0]}", b"x")
            made.writestr(f"{TOP}\\Images\\{NAMES[0]}", b"y")
    return raw.getvalue()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("climbs", "leaves the folder"),
        ("climbs on Windows", "leaves the folder"),
        ("absolute", "leaves the folder"),
        ("drive", "leaves the folder"),
        ("link", "a link or a device"),
        ("bomb", "compressed beyond"),
        ("twice", "twice"),
    ],
)
def test_a_hostile_archive_writes_nothing(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path, kind: str, said: str
) -> None:
    """It is refused as a whole, before the first file, and thrown away."""
    server.content = hostile(kind)
    line = line_of(fetch)
    assert "unsafe archive" in line
    assert said in line
    assert files_of(tmp_path) == set()


@pytest.mark.parametrize(
    ("limit", "value"),
    [("LARGEST_TOTAL", 5000), ("LARGEST_FILE", 1000), ("MOST_ENTRIES", 3)],
)
def test_an_excessive_archive_is_refused(
    fetch: Callable[..., Fetched],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
) -> None:
    """Too much in all, too large a file, too many of them."""
    monkeypatch.setattr(archive, limit, value)
    assert "unsafe archive" in line_of(fetch)


def test_a_file_that_lies_about_its_size_gives_no_more(
    fetch: Callable[..., Fetched], server: ArchiveServer, tmp_path: Path
) -> None:
    """A directory that declares ten bytes gets ten bytes, and a wrong sum: nothing stays."""
    with zipfile.ZipFile(io.BytesIO(server.content)) as made:
        size = made.getinfo(f"{TOP}/Images/{NAMES[0]}").file_size
    lie = server.content.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lie != server.content
    server.content = lie
    assert "damaged archive" in line_of(fetch)
    assert not list((tmp_path / "root").rglob(f"*{NAMES[0]}*"))


# ------------------------------------------------------------------------ the command


def veille(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return done.exit_code, done.output


@pytest.fixture
def study(server: ArchiveServer, tmp_path: Path) -> Path:
    """A study of the same kind as flipkart's, whose archive is on the loopback server."""
    folder = tmp_path / "boutique"
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "noms.toml").write_text(
        'title = "Noms"\nlanguage = "en"\nderive = "class-names"\n'
    )
    (folder / "study.toml").write_text(
        'schema = 1\ntitle = "T"\nquestion = "Q ?"\nprompts = ["noms"]\n'
        f'[dataset]\nkind = "flipkart"\ncsv = "{CSV}"\nimages = "Images"\nrows = 6\n'
        f'archive = "{server.url}"\n[split]\ntest_per_class = 1\nvalidation_per_class = 1\n'
        '[[models]]\nname = "m"\nkind = "clip"\nweights = "embedded"\ntitle = "M"\n'
    )
    return folder


def test_the_command_says_what_it_does(study: Path, tmp_path: Path) -> None:
    """Size, what was written, what is missing, and what to do next."""
    code, output = veille("data", study, "--root", tmp_path / "root")
    assert code == 0, output
    for text in ("of 0 MB", "6 files written", f"missing   Images/{NAMES[5]}", "veille check"):
        assert text in output
    code, output = veille("data", study, "--root", tmp_path / "root")
    assert (code, "already there" in output) == (0, True)


def test_the_command_fails_in_one_line(study: Path, server: ArchiveServer, tmp_path: Path) -> None:
    """404 ends with 2 and a line that names the remedy."""
    server.faults = [404]
    code, output = veille("data", study, "--root", tmp_path / "root")
    assert code == 2
    assert len(output.splitlines()) == 1
    assert "404" in output


def test_check_says_how_to_have_the_photos(study: Path, tmp_path: Path) -> None:
    """Without a root, or with one that is not there, the remedy is the command."""
    for arguments in ((), ("--data-root", tmp_path / "gone")):
        code, output = veille("check", study, *arguments)
        assert code == 2
        assert "veille data boutique --root DIR" in output


def test_a_study_without_an_archive_says_so(study: Path, tmp_path: Path) -> None:
    """The remedy is the key, or the option."""
    file = study / "study.toml"
    file.write_text(
        "".join(line for line in file.read_text().splitlines(True) if "archive" not in line)
    )
    code, output = veille("data", study, "--root", tmp_path / "root")
    assert (code, "--archive" in output) == (2, True)


def test_the_command_needs_no_torch(server: ArchiveServer, study: Path, tmp_path: Path) -> None:
    """It works where only the base dependencies are: torch and its family are not imported."""
    program = (
        "import sys\n"
        "from evaluation.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'open_clip', 'transformers', 'sklearn', 'scipy', 'filelock'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    root = tmp_path / "root"
    subprocess.run(
        [sys.executable, "-c", program, "data", str(study), "--root", str(root)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert (root / CSV).is_file()
    assert len(server.asked) == 1


def test_the_shipped_study_declares_its_archive() -> None:
    """Flipkart's address is OpenClassrooms', and its table lists 1050 products."""
    spec = load_study("flipkart").dataset
    assert spec.rows == 1050
    assert spec.archive is not None
    assert spec.archive.endswith("pre%CC%81traitement+textes+images.zip")


@pytest.mark.data
def test_the_real_table_is_what_the_study_declares(flipkart_root: Path) -> None:
    """The sample at hand lists 1050 photos; those that its folder lacks are named."""
    spec = load_study("flipkart").dataset
    state = fetching._state(spec, flipkart_root)
    assert (state.photos, len(state.missing)) == (spec.rows, 3)
