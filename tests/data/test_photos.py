"""Opening photos: odd ones become RGB, bad ones one line, huge ones do not fill the memory."""

from __future__ import annotations

import io
import os
import stat
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from evaluation.data import decoding
from evaluation.data.decoding import REDUCED_SIDE
from evaluation.data.photos import (
    THUMBNAIL_SIDE,
    PhotoFacts,
    inspect_photo,
    open_photo,
    pixels_of,
    write_thumbnail,
)
from evaluation.errors import ArtefactError, DataError
from evaluation.records import Sample

ORIENTATION = 0x0112
MEASURE = """
import resource, sys, warnings
from pathlib import Path
from evaluation.data.photos import open_photo
warnings.simplefilter("error")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
image = open_photo(Path(sys.argv[1]))
print(peak() - before, *image.size)
"""


@pytest.fixture(autouse=True)
def _no_warning() -> None:
    warnings.simplefilter("error")


def noise(width: int, height: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def pixels(image: Image.Image) -> np.ndarray:
    assert image.mode == "RGB"
    return np.asarray(image)


def facts_of(path: Path) -> PhotoFacts:
    with path.open("rb") as handle:
        return inspect_photo(handle)


def peak_of(path: Path) -> tuple[int, int, int]:
    """MiB that opening takes at its peak, in a process of its own, and the size it gives."""
    command = [sys.executable, "-c", MEASURE, str(path)]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    assert out.stderr == ""
    peak, width, height = map(int, out.stdout.split())
    return peak, width, height


# ------------------------------------------------------------------- ordinary photos


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tif", "ppm", "avif"])
def test_ordinary_photo_is_what_pillow_gives(tmp_path: Path, suffix: str) -> None:
    """Below 16 megapixels, anybody gets our pixels from two calls of Pillow."""
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(noise(61, 47)).save(path)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(pixels(open_photo(path)), expected)


def test_jpeg_just_below_the_limit_is_decoded_in_full(tmp_path: Path) -> None:
    """4000 x 4000 pixels are 16 megapixels, and not more."""
    path = tmp_path / "photo.jpg"
    Image.new("L", (4000, 4000), 120).save(path)
    assert open_photo(path).size == (4000, 4000)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("1", "png"), ("P", "png"), ("CMYK", "jpg"), ("YCbCr", "jpg"), ("LAB", "tif")],
)
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    """Whatever the colour model of the file, RGB comes out, as Pillow converts it."""
    path = tmp_path / f"photo.{suffix}"
    grey = Image.new("LAB", (20, 10), (90, 120, 140))
    source = grey if mode == "LAB" else Image.fromarray(noise(20, 10)).convert(mode)
    source.save(path)
    with Image.open(path) as image:
        assert np.array_equal(pixels(open_photo(path)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_orientation_is_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    """A photo taken sideways stands upright, and its size is that of the upright photo."""
    path = tmp_path / f"photo.{suffix}"
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(noise(32, 16)).save(path, exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(pixels(open_photo(path)), expected)
    facts = facts_of(path)
    assert (facts.width, facts.height) == ((32, 16) if orientation < 5 else (16, 32))


def test_damaged_exif_does_not_matter(tmp_path: Path) -> None:
    """Metadata that cannot be read is no reason to lose the photo."""
    path = tmp_path / "photo.png"
    Image.fromarray(noise(8, 8)).save(path, exif=b"Exif\x00\x00garbage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow tells of the metadata, rightly
        assert open_photo(path).size == (8, 8)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    """A cut-out is seen on white, as a shop shows it; half transparent is half white."""
    path = tmp_path / "photo.png"
    layer = np.zeros((1, 3, 4), np.uint8)
    layer[0, :, 0] = 200
    layer[0, :, 3] = (0, 255, 128)
    Image.fromarray(layer, "RGBA").save(path)
    half = round(255 * (1 - 128 / 255))
    assert pixels(open_photo(path)).tolist() == [
        [[255, 255, 255], [200, 0, 0], [200 * 128 // 255 + half, half, half]]
    ]


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"])
def test_transparent_palette_is_laid_on_white(tmp_path: Path, transparency: int | bytes) -> None:
    """A palette's transparent entry is white, in both ways that PNG can say it."""
    path = tmp_path / "photo.png"
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(path, transparency=transparency)
    assert pixels(open_photo(path)).tolist() == [[[255, 255, 255], [40, 50, 60]]]


def test_grey_with_alpha_is_laid_on_white(tmp_path: Path) -> None:
    """Grey photos have transparency too."""
    path = tmp_path / "photo.png"
    Image.fromarray(np.array([[[90, 0], [90, 255]]], np.uint8), "LA").save(path)
    assert pixels(open_photo(path)).tolist() == [[[255] * 3, [90] * 3]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled(tmp_path: Path, suffix: str) -> None:
    """Pillow alone would clip every 16-bit grey above 255 to white."""
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(path)
    assert pixels(open_photo(path)).tolist() == [[[0] * 3, [100] * 3, [255] * 3]]


@pytest.mark.parametrize(("top", "expected"), [(1.0, 255), (200.0, 200)])
def test_floats_are_scaled(tmp_path: Path, top: float, expected: int) -> None:
    """A float TIFF holds [0, 1] or [0, 255]."""
    path = tmp_path / "photo.tif"
    Image.fromarray(np.array([[0, top, np.nan]], np.float32)).save(path)
    assert pixels(open_photo(path))[0, :, 0].tolist() == [0, expected, 0]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_first_frame_of_an_animation_is_taken(tmp_path: Path, suffix: str) -> None:
    """The others are not looked at."""
    path = tmp_path / f"photo.{suffix}"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    more = {} if suffix == "tif" else {"duration": 100}
    lossless = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **more, **lossless)
    assert pixels(open_photo(path))[0, 0].tolist() == [255, 0, 0]


def test_suffix_does_not_matter(tmp_path: Path) -> None:
    """Shops serve WebP under the name of a JPEG."""
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (8, 8), "red").save(path, "WEBP", lossless=True)
    assert pixels(open_photo(path))[0, 0].tolist() == [255, 0, 0]


# ------------------------------------------------------------------------ bad photos


def _truncated(suffix: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(buffer, suffix)
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"<html>404</html>", "not a photo of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a photo of a known format"),
        (_truncated("JPEG"), "truncated photo"),
        (_truncated("PNG"), "truncated photo"),
        (_truncated("WEBP"), "photo"),
        (_truncated("GIF"), "truncated photo"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 40, "photo"),
    ],
)
def test_bad_photo_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    """It is told where and why; the same reason is listed for the data set."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_photo(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert reason in (facts_of(path).reason or "")


def test_absent_photo_is_named(tmp_path: Path) -> None:
    """A file that is gone since it was listed is a clear error."""
    with pytest.raises(DataError, match=r"photo\.jpg: file not found"):
        open_photo(tmp_path / "photo.jpg")
    with pytest.raises(DataError, match="cannot be read"):
        open_photo(tmp_path)


def test_damaged_bytes_never_escape(tmp_path: Path) -> None:
    """Flipped bytes give a photo or a DataError: never another error, whatever the format."""
    rng = np.random.default_rng(0)
    path = tmp_path / "photo"
    outcomes = set()
    for suffix in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        buffer = io.BytesIO()
        Image.fromarray(noise(24, 24)).save(buffer, suffix)
        for _ in range(40):
            content = bytearray(buffer.getvalue())
            for position in rng.integers(0, len(content), 6):
                content[position] = rng.integers(0, 256)
            path.write_bytes(content)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # Pillow tells of odd metadata
                    outcomes.add(open_photo(path).mode)
            except DataError:
                outcomes.add("refused")
    assert outcomes == {"RGB", "refused"}


# ----------------------------------------------------------------------- huge photos


@pytest.mark.parametrize(
    ("size", "reduced"),
    [
        ((6000, 3000), (3000, 1500)),
        ((3000, 6000), (1500, 3000)),
        ((9000, 9000), (1125, 1125)),
        ((20000, 900), (20000, 900)),
    ],
)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_large_photo_is_reduced(
    tmp_path: Path, suffix: str, size: tuple[int, int], reduced: tuple[int, int]
) -> None:
    """Above 16 megapixels by a whole factor, never below 1024 pixels; the true size is known."""
    path = tmp_path / f"photo.{suffix}"
    Image.new("L", size, 77).save(path)
    image = open_photo(path)
    assert image.size == reduced
    assert min(image.size) >= min(REDUCED_SIDE, *size)
    assert pixels(image)[5, 5].tolist() == [77] * 3
    facts = facts_of(path)
    assert (facts.width, facts.height) == size


def test_reduced_photo_is_turned_too(tmp_path: Path) -> None:
    """Reduction while decoding does not forget the orientation."""
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.new("L", (6000, 3000)).save(path, exif=exif)
    assert open_photo(path).size == (1500, 3000)
    facts = facts_of(path)
    assert (facts.width, facts.height) == (3000, 6000)


def test_94_megapixels_need_little_memory(tmp_path: Path) -> None:
    """A JPEG of the size of the largest product photo is opened in 100 MiB, in silence."""
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (8484, 11042), "green").save(path)
    peak, width, height = peak_of(path)
    assert (width, height) == (1061, 1381)
    assert peak < 100  # decoded in full it takes 360


@pytest.mark.data
def test_original_of_94_megapixels_needs_little_memory(flipkart_root: Path) -> None:
    """The real one as well."""
    path = flipkart_root.parent / "flipkart-originals" / "5518124b75d6c6dfee4c2e4c0cfa716a.jpg"
    if not path.is_file():
        pytest.skip(f"the original photo is not at {path}")
    peak, width, height = peak_of(path)
    assert (width, height) == (1061, 1381)
    assert peak < 100


def test_photo_above_pillows_warning_is_opened_in_silence(tmp_path: Path) -> None:
    """Between 89 and 200 megapixels no warning is given, and Pillow's own guard is restored."""
    path = tmp_path / "photo.png"
    Image.new("1", (10000, 9500)).save(path)
    guard = Image.MAX_IMAGE_PIXELS
    assert min(open_photo(path).size) >= REDUCED_SIDE
    assert guard == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("mode", "size", "reason"),
    [
        ("1", (25_000, 20_000), "too large: 500 megapixels take 500 MB decoded, at most 400"),
        ("RGB", (12_000, 9_000), "too large: 108 megapixels take 432 MB"),
        ("L", (60_000, 280), "too long: 60000 x 280 pixels"),
    ],
)
def test_bomb_is_an_unreadable_photo(
    tmp_path: Path, mode: str, size: tuple[int, int], reason: str
) -> None:
    """What would take too much memory is refused from its header, unread."""
    path = tmp_path / "photo.png"
    Image.new(mode, size).save(path, compress_level=1)
    with pytest.raises(DataError, match=reason):
        open_photo(path)
    assert reason in (facts_of(path).reason or "")


@pytest.mark.parametrize(("mode", "side"), [("I;16", 14_000), ("RGBA", 9_900)])
def test_a_small_file_takes_little_memory(tmp_path: Path, mode: str, side: int) -> None:
    """16 bits and transparency are brought to RGB strip by strip: 500 MB at most."""
    path = tmp_path / "photo.png"
    Image.new(mode, (side, side)).save(path, compress_level=1)
    peak, width, _ = peak_of(path)
    assert width == side // (side // REDUCED_SIDE) + (side % (side // REDUCED_SIDE) > 0)
    assert peak < 500


# ----------------------------------------------------------- depth and transparency


def png_of(path: Path, samples: np.ndarray, significant: int | None) -> Path:
    """A 16-bit PNG, with an sBIT chunk of one number."""
    Image.fromarray(samples.astype(np.uint16)).save(path)
    if significant is not None:
        body = b"sBIT" + bytes([significant])
        chunk = struct.pack(">I", 1) + body + struct.pack(">I", zlib.crc32(body))
        content = path.read_bytes()
        path.write_bytes(content[:33] + chunk + content[33:])
    return path


RAMP = np.linspace(0, 4095, 64).reshape(8, 8)


def test_declared_depth_is_used(tmp_path: Path) -> None:
    """Twelve bits in sixteen, as cameras write them: what the file says counts is white."""
    path = png_of(tmp_path / "a.png", RAMP, 12)
    assert pixels(open_photo(path)).max() == 255
    assert facts_of(path).doubt == ""
    tiff = tmp_path / "a.tif"
    Image.fromarray(RAMP.astype(np.uint16)).save(tiff, tiffinfo={281: 4095})
    assert pixels(open_photo(tiff)).max() == 255


def test_undeclared_depth_is_a_doubt(tmp_path: Path) -> None:
    """Nobody can tell a dark photo from twelve bits: all sixteen count, and it is said."""
    path = png_of(tmp_path / "a.png", RAMP, None)
    assert pixels(open_photo(path)).max() == round(4095 / 257)
    assert facts_of(path).doubt == "depth"
    assert facts_of(png_of(tmp_path / "b.png", RAMP * 16, None)).doubt == ""


def test_a_depth_that_the_study_declares_is_used_where_the_file_is_silent(tmp_path: Path) -> None:
    """The file has the first word; samples that go beyond the declared bits belie it."""
    silent = png_of(tmp_path / "a.png", RAMP, None)
    assert pixels(open_photo(silent, 12)).max() == 255
    assert pixels(open_photo(silent, 16)).max() == pixels(open_photo(silent)).max() == 16
    assert pixels(open_photo(png_of(tmp_path / "b.png", RAMP / 4, 10), 12)).max() == 255
    assert pixels(open_photo(png_of(tmp_path / "c.png", RAMP * 16, None), 12)).max() == 255
    with silent.open("rb") as handle:
        assert inspect_photo(handle, 12).doubt == ""


def test_white_logo_is_laid_on_grey(tmp_path: Path) -> None:
    """White on white would be nothing; any other picture keeps its white ground."""
    logo = np.zeros((40, 40, 4), np.uint8)
    logo[10:30, 10:30] = 255
    Image.fromarray(logo).save(tmp_path / "white.png")
    image = pixels(open_photo(tmp_path / "white.png"))
    assert (image[0, 0, 0], image[20, 20, 0]) == (128, 255)
    assert facts_of(tmp_path / "white.png").doubt == "pale"
    logo[10:30, 10:30, :3] = 90
    Image.fromarray(logo).save(tmp_path / "grey.png")
    assert pixels(open_photo(tmp_path / "grey.png"))[0, 0, 0] == 255
    assert facts_of(tmp_path / "grey.png").doubt == ""


def test_tiff_of_many_bands_is_named(tmp_path: Path) -> None:
    """A satellite's seven bands are no photo: the reason says how many there are."""
    tags = [(256, 4, 2), (257, 4, 2), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 7)]
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    header = b"II*\0" + struct.pack("<IH", 8, len(tags))
    (tmp_path / "a.tif").write_bytes(header + body + bytes(4 + 28))
    assert "TIFF of 7 bands" in (facts_of(tmp_path / "a.tif").reason or "")


def test_heic_is_read_with_its_extra(tmp_path: Path) -> None:
    """A phone's photo, upright."""
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 30))).save(tmp_path / "a.heic")
    image = open_photo(tmp_path / "a.heic")
    assert image.size == (64, 48)
    assert abs(int(pixels(image)[5, 5, 0]) - 200) < 8


def test_heic_without_its_extra_says_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names the extra and the other way out."""
    monkeypatch.setattr(decoding, "_readable_formats", lambda: ("JPEG", "PNG"))
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(400))
    assert 'pip install "veille-clip[heic]"' in (facts_of(tmp_path / "a.heic").reason or "")


# ---------------------------------------------------------------------------- facts


def test_facts_tell_pixels_from_bytes(tmp_path: Path) -> None:
    """The same pixels in two formats are one photo; one pixel more is another."""
    image = Image.fromarray(noise(12, 8))
    for name in ("a.png", "b.bmp", "c.tif"):
        image.save(tmp_path / name)
    image.resize((8, 12)).save(tmp_path / "d.png")
    changed = noise(12, 8)
    changed[0, 0, 0] ^= 1
    Image.fromarray(changed).save(tmp_path / "e.png")
    Image.new("RGB", (12, 8)).save(tmp_path / "f.png")
    Image.new("RGB", (8, 12)).save(tmp_path / "g.png")
    found = [pixels_of(tmp_path / f"{name}") for name in ("a.png", "b.bmp", "c.tif")]
    others = [pixels_of(tmp_path / f"{name}.png") for name in "defg"]
    assert len(set(found)) == 1
    assert len({found[0], *others}) == 5


# ----------------------------------------------------------------------- thumbnails


@pytest.fixture
def sample(tmp_path: Path, make_photo: Callable[..., Path]) -> Sample:
    path = make_photo(tmp_path / "photo.png", size=(800, 400))
    return Sample(
        id="a", image=path, label="x", digest="0123456789abcdef0", pixels="p", width=800, height=400
    )


def test_thumbnail_is_a_small_webp(sample: Sample, tmp_path: Path) -> None:
    """Its longest side has 320 pixels, its name comes from the photo's bytes."""
    folder = tmp_path / "small" / "copies"
    name = write_thumbnail(sample, folder)
    assert name == "0123456789abcdef.webp"
    with Image.open(folder / name) as image:
        assert (image.format, image.size) == ("WEBP", (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2))
    assert [file.name for file in folder.iterdir()] == [name]
    assert stat.S_IMODE((folder / name).stat().st_mode) & 0o444 == 0o444


def test_small_photo_is_not_enlarged(sample: Sample, tmp_path: Path) -> None:
    """A thumbnail is never larger than its photo."""
    Image.new("RGB", (50, 20)).save(sample.image)
    with Image.open(tmp_path / write_thumbnail(sample, tmp_path)) as image:
        assert image.size == (50, 20)


def test_thumbnail_is_written_once(sample: Sample, tmp_path: Path) -> None:
    """One that is there is neither decoded nor written again."""
    name = write_thumbnail(sample, tmp_path)
    before = (tmp_path / name).stat().st_mtime_ns
    sample.image.unlink()
    assert write_thumbnail(sample, tmp_path) == name
    assert (tmp_path / name).stat().st_mtime_ns == before


def test_thumbnails_may_be_written_at_once(sample: Sample, tmp_path: Path) -> None:
    """Several writers of one copy leave one whole file and nothing else."""
    folder = tmp_path / "small"
    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(lambda _: write_thumbnail(sample, folder), range(12)))
    assert [file.name for file in folder.iterdir()] == list(names)
    with Image.open(folder / names.pop()) as image:
        image.load()


def test_failed_thumbnail_leaves_nothing(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is an ArtefactError, and no half-written file stays behind."""

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    folder = tmp_path / "small"
    with pytest.raises(ArtefactError, match="the disk is full"):
        write_thumbnail(sample, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_thumbnail_in_a_read_only_folder_is_refused(sample: Sample, tmp_path: Path) -> None:
    """The folder is named, with the remedy."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(ArtefactError, match="locked"):
        write_thumbnail(sample, folder)


def test_thumbnail_where_a_file_stands_is_refused(sample: Sample, tmp_path: Path) -> None:
    """A folder that is a file is an ArtefactError too."""
    (tmp_path / "small").write_text("")
    with pytest.raises(ArtefactError, match="small"):
        write_thumbnail(sample, tmp_path / "small")
