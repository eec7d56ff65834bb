"""Which generated pages differ between two checkouts, in both languages.

    python scripts/compare_pages.py main .                          # the tests' fixture studies
    python scripts/compare_pages.py main . --artefacts artefacts    # real results
    python scripts/compare_pages.py main . --show 3                 # the first differences

A checkout is a folder or a commit, which is laid out in a temporary folder.  Its own program
renders its own templates, and its own fixtures where no artefacts are given.  A drawing counts
as the checksum of its specification: two drawings are the same when their specifications are.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import click

CHILD = """
import hashlib, json, sys, tempfile
from pathlib import Path

try:
    from evaluation.report.site.render import render
    from evaluation.report.site.disk import read_reference
    from evaluation.stores.artefacts import read_results
except ImportError:  # the layout before the report had rooms
    from evaluation.report.render import render
    from evaluation.report.disk import read_reference
    from evaluation.artefacts import read_results

artefacts, output = sys.argv[1:]
here = Path.cwd()


def draw(spec):
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode()).hexdigest()
    return f'<svg width="1" height="1" viewBox="0 0 {spec["width"]} 1"><desc>{digest}</desc></svg>'


if artefacts:
    results = read_results(Path(artefacts))
    reference = read_reference(here / "evaluation/studies/flipkart/slides.toml")
else:
    from tests.report import builder, explained
    folder = Path(tempfile.mkdtemp())
    results = (explained.shop(folder), builder.second(folder))
    reference = builder.reference()
for language in ("fr", "en"):
    made = render(results, reference, templates=here / "templates", draw=draw, language=language)
    texts = {
        uri: content if isinstance(content, str) else hashlib.sha256(content).hexdigest()
        for uri, content in made.items()
        if not isinstance(content, Path)
    }
    texts["files"] = "\\n".join(sorted(made))
    Path(output, f"{language}.json").write_text(json.dumps(texts), encoding="utf-8")
"""


def rendered(checkout: Path, artefacts: Path | None, output: Path, spaces: bool) -> dict[str, str]:
    """Every generated text of a checkout, by language and uri: "en/etudes/demo/index.md"."""
    output.mkdir()
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", CHILD, str(artefacts.resolve() if artefacts else ""), str(output)],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise click.ClickException(f"{checkout} does not render:\n{done.stderr[-2000:]}")
    return {
        f"{path.stem}/{uri}": re.sub("[\u00a0\u202f]", " ", text) if spaces else text
        for path in sorted(output.glob("*.json"))
        for uri, text in json.loads(path.read_text(encoding="utf-8")).items()
    }


def laid_out(place: str, folder: Path) -> Path:
    """The folder of a checkout; a commit is laid out in ``folder``."""
    if Path(place).is_dir():
        return Path(place).resolve()
    git = ["git", "worktree", "add", "--quiet", "--detach", str(folder), place]
    done = subprocess.run(git, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(f"{place} is neither a folder nor a commit: {done.stderr}")
    return folder


@click.command(help=__doc__)
@click.argument("before")
@click.argument("after")
@click.option("--artefacts", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--spaces", is_flag=True, help="Take spaces that do not break for plain ones.")
@click.option("--show", default=0, help="How many changed lines to print of each page.")
def main(before: str, after: str, artefacts: Path | None, show: int, *, spaces: bool) -> None:
    """Prints the pages that differ; ends with 1 when there are some."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        try:
            old, new = (
                rendered(laid_out(place, root / side), artefacts, root / f"{side}-pages", spaces)
                for place, side in ((before, "before"), (after, "after"))
            )
        finally:
            for side in ("before", "after"):
                if (root / side).exists():
                    git = ["git", "worktree", "remove", "--force", str(root / side)]
                    subprocess.run(git, check=False)  # noqa: S603
    changed = [uri for uri in sorted(old | new) if old.get(uri) != new.get(uri)]
    for uri in changed:
        click.echo(f"{'gone' if uri not in new else 'differs' if uri in old else 'new':8}{uri}")
        lines = difflib.unified_diff(
            old.get(uri, "").splitlines(), new.get(uri, "").splitlines(), lineterm="", n=0
        )
        for line in [line for line in lines if line[:3] not in ("---", "+++")][:show]:
            click.echo(f"    {line[:400]}")
    click.echo(f"{len(changed)} of {len(old | new)} texts differ")
    sys.exit(bool(changed))


if __name__ == "__main__":
    main()
