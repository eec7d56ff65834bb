"""The command that the reader of a message has: tox's in a checkout, veille's own elsewhere."""

from pathlib import Path

CHECKOUT = (Path(__file__).resolve().parents[1] / "tox.ini").is_file()


def eval_command(study: str = "", options: str = "") -> str:
    """What scores a study (the demo without a name), with pytest's and the suites' ``options``."""
    if not CHECKOUT:
        return " ".join(filter(None, ("veille eval", study, options)))
    rest = " ".join(filter(None, (f"--study {study}" if study else "", options)))
    return f"tox -e eval -- {rest}" if rest else "tox -e eval"


def site_command(*, live: bool = False) -> str:
    """What builds the site, or serves it while it changes."""
    return f"{'tox -e' if CHECKOUT else 'veille'} {'serve' if live else 'site'}"


def extras_remedy() -> str:
    """How to have every extra."""
    if CHECKOUT:
        return 'install every extra: pip install -e ".[eval,site]", or use .tox/eval/bin/veille'
    return 'install every extra: pip install "veille-clip[eval,site]"'


SCORE_AGAIN = f"run `{eval_command()}` again to write it anew"
