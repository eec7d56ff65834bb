"""HTML to PDF, by a Chromium that is already there."""

import os
import shutil
import subprocess
from pathlib import Path

from evaluation.errors import ReportError
from evaluation.files import scratch, write_bytes, writing

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""Commands that are tried, in this order."""

VARIABLE = "VEILLE_CHROMIUM"
"""Names the command or the program to use instead."""

_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)

_SECONDS = 300


def find_chromium() -> str:
    """The program that prints: ``$VEILLE_CHROMIUM``, or the first of :data:`BROWSERS` found.

    Raises :class:`ReportError` when there is none.
    """
    chosen = os.environ.get(VARIABLE)
    for name in (chosen,) if chosen else BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    raise ReportError(
        "no such program" if chosen else "printing needs Chromium or Chrome, and none is here",
        where=chosen,
        remedy=f"install one (Debian: apt install chromium), or give its path in {VARIABLE}",
    )


def print_pdf(html: str, output: Path) -> None:
    """Prints one page that stands alone; ``output`` is written whole or not at all.

    Raises :class:`ReportError` without a browser, when it fails, or when ``output`` cannot be
    written.
    """
    browser = find_chromium()
    with scratch() as folder:
        source, printed = folder / "source.html", folder / "printed.pdf"
        source.write_text(html, encoding="utf-8")
        # Chromium refuses its sandbox to root; what it opens is our own page alone.
        unconfined = ("--no-sandbox",) if getattr(os, "geteuid", lambda: 1)() == 0 else ()
        command = [
            browser,
            *_FLAGS,
            *unconfined,
            f"--user-data-dir={folder / 'profile'}",
            f"--print-to-pdf={printed}",
            source.as_uri(),
        ]
        _run(command, printed)
        save(printed.read_bytes(), output)


def _run(command: list[str], printed: Path) -> None:
    remedy = f"try another browser in {VARIABLE}"
    try:
        done = subprocess.run(  # noqa: S603 - the browser that was found, on our own page
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"cannot print: {error}", where=command[0], remedy=remedy) from error
    if done.returncode or not printed.is_file():
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ReportError(f"cannot print: {said}", where=command[0], remedy=remedy)


def save(content: bytes, output: Path) -> None:
    """Writes a file beside its place, then renames it.

    Raises :class:`ReportError` when it cannot.
    """
    with writing(output, ReportError, elsewhere="choose a writable folder with room in it"):
        write_bytes(output, content)
