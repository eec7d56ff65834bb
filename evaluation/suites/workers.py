"""How the workers of pytest-xdist share the cases of a run, and the cores of the machine."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from evaluation.records import Case, ModelSpec


def case_of(nodeid: str) -> str:
    """The id of a test's case; "" for a test of none."""
    return nodeid.partition("[")[2].removesuffix("]")


def trunk_of(case: Case) -> str:
    """What the photos of a case are embedded by, in its study."""
    return f"{case.study}/{case.model.trunk}"


def _is_here(model: ModelSpec) -> bool:
    from evaluation.models import availability

    return availability(model, offline=True).ready


def share_the_machine(config: pytest.Config, cases: Iterable[Case]) -> None:
    """As many workers as there are trunks that can be had; one trunk needs this process alone.

    Each worker has its part of the cores.
    """
    if hasattr(config, "workerinput") or config.getoption("dist", "no") != "load":
        return
    models = {trunk_of(case): case.model for case in cases}
    # Without --offline a server may give what is not here: it is counted, and not asked.
    offline = config.getoption("offline")
    trunks = [trunk for trunk, model in models.items() if not offline or _is_here(model)]
    config.option.tx = config.option.tx[: len(trunks)]
    if len(trunks) < 2:  # noqa: PLR2004 - nothing to share out
        config.option.dist, config.option.numprocesses = "no", None
    else:
        # The workers inherit it, before NumPy and PyTorch read it.
        threads = max(1, (os.cpu_count() or 1) // len(config.option.tx))
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def scheduler(config: pytest.Config, log: Any, trunks: Mapping[str, str]) -> object:
    """Sends the cases of a trunk to one worker, which loads it once and makes its maps once.

    ``trunks`` are those of the cases, by their ids.  pytest-xdist's own ``loadgroup`` (3.8) does
    not see its groups under pytest 9.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    scheduling = LoadScopeScheduling(config, log)
    # What its documentation says to override.
    scheduling._split_scope = lambda nodeid: trunks.get(case_of(nodeid), nodeid)  # noqa: SLF001
    return scheduling
