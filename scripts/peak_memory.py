"""Measure what the largest photos take, and whether memory grows with the number of photos.

    python scripts/peak_memory.py photos         # each in a process of its own; a minute
    python scripts/peak_memory.py runs 200 1000  # `veille eval` of so many photos; minutes

Prints the tables of docs/reliability.md: peaks of the resident set, in MB (10^6 bytes).
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

OPEN = """
import resource, sys
from pathlib import Path
from evaluation.data.photos import inspect_photo, open_photo
small, file = map(Path, sys.argv[1:])
open_photo(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with file.open("rb") as handle:
    facts = inspect_photo(handle)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(peak * 1024 // 10**6, facts.reason or f"read, {facts.width} x {facts.height}", sep="|")
"""
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""Colour types of PNG."""
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def png(width: int, height: int, depth: int, colour: int, extra: bytes = b"") -> bytes:
    """A PNG of zeros, made a megabyte at a time: small, however large it is decoded."""
    packed, some = zlib.compressobj(1), bytes(1 << 20)
    count = height * (1 + (width * depth * CHANNELS[colour] + 7) // 8)
    parts = [packed.compress(some) for _ in range(count // len(some))]
    data = b"".join([*parts, packed.compress(bytes(count % len(some))), packed.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = (b"IHDR" + header, *([extra] if extra else []), b"IDAT" + data, b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, chunks))


def _chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def _saved(mode: str, side: int, form: str, **options: object) -> Callable[[Path], object]:
    return lambda path: Image.new(mode, (side, side), 77).save(path, form, **options)


def _drawn(content: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content())


HOSTILE: dict[str, Callable[[Path], object]] = {
    "PNG, 16-bit grey, 14,000 x 14,000": _drawn(lambda: png(14_000, 14_000, 16, GREY)),
    "PNG, 8-bit grey, 20,000 x 20,000": _drawn(lambda: png(20_000, 20_000, 8, GREY)),
    "PNG, 1-bit, 19,900 x 19,900": _drawn(lambda: png(19_900, 19_900, 1, GREY)),
    "PNG, palette, 19,900 x 19,900": _drawn(
        lambda: png(19_900, 19_900, 8, PALETTE, b"PLTE" + bytes(range(30)))
    ),
    "PNG, grey and alpha, 9,900 x 9,900": _drawn(lambda: png(9_900, 9_900, 8, GREY_ALPHA)),
    "PNG, RGB, 9,900 x 9,900": _drawn(lambda: png(9_900, 9_900, 8, RGB)),
    "PNG, 16-bit RGB, 9,900 x 9,900": _drawn(lambda: png(9_900, 9_900, 16, RGB)),
    "PNG, RGBA, 9,900 x 9,900": _drawn(lambda: png(9_900, 9_900, 8, RGBA)),
    "PNG, 16-bit RGBA, 9,900 x 9,900": _drawn(lambda: png(9_900, 9_900, 16, RGBA)),
    "PNG, RGB, 140,000 x 700": _drawn(lambda: png(140_000, 700, 8, RGB)),
    "PNG, RGB, 1 x 190,000,000": _drawn(lambda: png(1, 190_000_000, 8, RGB)),
    "PNG, 16-bit grey, 30,000 x 30,000": _drawn(lambda: png(30_000, 30_000, 16, GREY)),
    "JPEG, RGB, 11,000 x 11,000": _saved("RGB", 11_000, "JPEG"),
    "JPEG, progressive, 8,100 x 8,100": _saved("RGB", 8_100, "JPEG", progressive=True),
    "JPEG, progressive CMYK, 7,000 x 7,000": _saved("CMYK", 7_000, "JPEG", progressive=True),
    "WebP, 5,000 x 5,000": _saved("RGB", 5_000, "WEBP", method=0),
    "WebP, lossless with alpha, 4,900 x 4,900": _saved(
        "RGBA", 4_900, "WEBP", method=0, lossless=True
    ),
    "AVIF, 4,900 x 4,900": _saved("RGB", 4_900, "AVIF", speed=10),
    "GIF, 14,000 x 14,000": _saved("P", 14_000, "GIF"),
    "TIFF, LZW, RGB, 7,000 x 7,000": _saved("RGB", 7_000, "TIFF", compression="tiff_lzw"),
    "TIFF, deflate, 16-bit grey, 9,900 x 9,900": _saved(
        "I;16", 9_900, "TIFF", compression="tiff_adobe_deflate"
    ),
    "TIFF, deflate, floats, 7,000 x 7,000": _saved(
        "F", 7_000, "TIFF", compression="tiff_adobe_deflate"
    ),
}


def measured_photos(folder: Path) -> Iterator[str]:
    """A row a file: its name, its bytes, what became of it, and its peak."""
    small = folder / "small.png"
    Image.effect_noise((64, 64), 50).convert("RGB").save(small)
    yield "| file | on the disk | what is said | peak above a small photo |"
    yield "|---|---|---|---|"
    for name, make in HOSTILE.items():
        path = folder / "photo"
        child = os.fork()  # the maker's own memory is not measured
        if child == 0:
            make(path)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            yield f"| {name} | not made here: this Pillow lacks the format | | |"
            continue
        size = path.stat().st_size
        out = subprocess.run(
            [sys.executable, "-c", OPEN, str(small), str(path)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        peak, said = out.strip().split("|")
        yield f"| {name} | {size / 1e3:,.0f} kB | {said} | {peak} MB |"
        path.unlink()


def measured_runs(folder: Path, counts: list[int]) -> Iterator[str]:
    """A row a run of `veille eval`, maps left out: its peak and its seconds."""
    yield "| photos | peak of the run | against the first |"
    yield "|---|---|---|"
    first = 0
    for count in counts:
        place = folder / str(count)
        _photos(place / "photos", count)
        new = ["new", "boutique", "--images", str(place / "photos"), "--language", "fr"]
        _veille(place, folder, *new)
        peak = _veille(place, folder, "eval", "boutique", "--offline", "--no-maps")
        first = first or peak
        yield f"| {count:,} | {peak:,} MB | {100 * (peak - first) / first:+.1f} % |"
        shutil.rmtree(place)


def _photos(folder: Path, count: int) -> None:
    draw = np.random.default_rng(count)
    for i in range(count):
        path = folder / ("mug", "lamp", "rug", "chair")[i % 4] / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = draw.integers(0, 256, (12, 16, 3), np.uint8)
        Image.fromarray(coarse).resize((1600, 1200), Image.Resampling.BICUBIC).save(path)


def _veille(place: Path, cache: Path, *arguments: str) -> int:
    """Runs a command; the peak of its resident set, in MB."""
    environment = os.environ | {"VEILLE_CACHE": str(cache / "cache")}
    process = subprocess.Popen(
        [sys.executable, "-m", "veille_clip", *arguments],
        cwd=place, env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"veille {' '.join(arguments)} failed")
    return usage.ru_maxrss * 1024 // 10**6


def main() -> None:
    """Prints one of the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["photos", "runs"])
    parser.add_argument("counts", nargs="*", type=int, default=[200, 1000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        rows = (
            measured_photos(place)
            if arguments.what == "photos"
            else measured_runs(place, arguments.counts)
        )
        for row in rows:
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
