"""Groups of photos that every test and interval counts as one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.records.base import IntArray


def group_numbers(groups: Sequence[Sequence[str]], ids: Sequence[str]) -> IntArray | None:
    """(N,) one number for each of N ids, shared within a group; None when all stand alone."""
    leader = {one: group[0] for group in groups for one in group}
    return clusters(np.array([leader.get(one, one) for one in ids]))


def clusters(groups: NDArray[Any] | None) -> IntArray | None:
    """(N,) the groups numbered from 0; None when there are none, or each has one image."""
    if groups is None:
        return None
    names, members = np.unique(groups, return_inverse=True)
    numbers: IntArray = members
    return None if names.size == numbers.size else numbers
