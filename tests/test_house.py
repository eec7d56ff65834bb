"""The house stays one that can be held in one's head: what no linter counts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

LONGEST = 60
"""Lines of a function, its docstring included."""


def modules(sources: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted((sources / "evaluation").rglob("*.py")):
        yield path.relative_to(sources), path.read_text(encoding="utf-8")


def test_no_function_is_over_sixty_lines(sources: Path) -> None:
    """Longer ones are to be cut where their steps have names."""
    long = [
        f"{path}: {node.name}"
        for path, text in modules(sources)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or 0) - node.lineno >= LONGEST
    ]
    assert long == []


def test_nothing_is_exempt_from_the_bound_of_complexity(sources: Path) -> None:
    """Ruff's C901 holds everywhere, at its own bound of 10."""
    assert "mccabe" not in (sources / "pyproject.toml").read_text(encoding="utf-8")
    assert [path for path, text in modules(sources) if "C901" in text] == []
