"""``veille cache``: what is kept so that nothing is computed twice."""

import click

from evaluation.commands.options import say
from evaluation.stages.settings import default_cache
from evaluation.stores.cache import PARTS, parts, prune
from evaluation.terminal import megabytes


@click.command(short_help="Say what the cache holds, and prune it.")
@click.option(
    "--prune", "pruned", type=click.Choice([*PARTS, "all"]), multiple=True, help="Remove a part."
)
def cache(pruned: tuple[str, ...]) -> None:
    """Say what the cache holds: $VEILLE_CACHE, or a folder of the user's own.

    Photos are embedded once for each model, texts and maps are made once: all of it can be made
    again, and --prune removes what it names (--prune maps --prune photos, or --prune all).
    Results are no part of it.
    """
    folder = default_cache()
    for name in PARTS if "all" in pruned else pruned:
        prune(folder, name)
    say(f"cache       {folder}")
    found = parts(folder)
    for part in found:
        files = "1 file" if part.files == 1 else f"{part.files} files"
        say(f"{part.name:<11} {megabytes(part.size):>8}  {files:<12} without: {part.remade}")
    say(f"{'in all':<11} {megabytes(sum(part.size for part in found)):>8}")
