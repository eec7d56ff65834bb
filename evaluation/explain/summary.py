"""What a map shows, in numbers: the report turns them into a sentence."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evaluation.records import FloatArray, MapSummary

_THIRDS = 3
_ROUNDED = 4
"""Decimals: a map is no more exact, and a record that does not change is a short diff."""


def summarise(values: FloatArray) -> MapSummary:
    """Where the mass of an (h, w) map lies, signed, over what the model saw."""
    signed = np.asarray(values, dtype=np.float64)
    mass = np.clip(signed, 0, None)
    against = float(np.clip(-signed, 0, None).sum())
    total = float(mass.sum())
    if total == 0:
        return MapSummary(
            empty=True, centre_share=0.0, top_row=1, top_column=1, top_share=0.0, half_area=0.0,
            against_share=1.0 if against else 0.0,
        )  # fmt: skip
    mass /= total
    ninths = _thirds(mass.shape[0]) @ mass @ _thirds(mass.shape[1]).T
    row, column = divmod(int(ninths.argmax()), _THIRDS)
    rows, columns = (_overlap(cells, cells / 4, 3 * cells / 4) for cells in mass.shape)
    return MapSummary(
        empty=False,
        centre_share=round(float(rows @ mass @ columns), _ROUNDED),
        top_row=row,
        top_column=column,
        top_share=round(float(ninths[row, column]), _ROUNDED),
        half_area=round(_half_area(mass), _ROUNDED),
        against_share=round(against / (against + total), _ROUNDED),
    )


def _thirds(cells: int) -> NDArray[np.float64]:
    """(3, cells): the share of each cell that lies in each third."""
    edges = np.linspace(0, cells, _THIRDS + 1)
    return np.stack([_overlap(cells, low, high) for low, high in pairwise(edges)])


def _overlap(cells: int, low: float, high: float) -> NDArray[np.float64]:
    """(cells,): the share of each cell that lies between two borders."""
    index = np.arange(cells)
    return np.asarray(np.clip(np.minimum(index + 1, high) - np.maximum(index, low), 0, None))


def _half_area(mass: NDArray[np.float64]) -> float:
    """Share of the cells, the heaviest first, that add up to half; the last one in part."""
    heaviest = np.sort(mass.ravel())[::-1]
    sums = np.cumsum(heaviest)
    last = int(np.searchsorted(sums, 0.5))
    before = sums[last - 1] if last else 0.0
    return float((last + (0.5 - before) / heaviest[last]) / mass.size)
