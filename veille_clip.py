"""The door of veille-clip: the command, pytest's plugin and MkDocs' plugin are entered here.

Its package is called ``evaluation``, which is a name that other projects use too.  Nothing of it is
imported before it is asked for, and then it is the one beside this file that is, whatever folder
comes first on the path: a folder of that name where one works neither breaks these commands nor is
hidden from the project that it belongs to.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

NAME = "evaluation"
HERE = Path(__file__).resolve().parent


class NameTaken(ImportError):
    """Another package of the name is imported already."""


def ours(module: str) -> Any:
    """Imports ``evaluation.<module>``, from beside this file.

    Raises :class:`NameTaken` where another package of that name has been imported before.
    """
    package = sys.modules.get(NAME)
    if package is None:
        spec = PathFinder.find_spec(NAME, [str(HERE)])
        if spec is None or spec.loader is None:
            raise ImportError(f"there is no package {NAME} in {HERE}: install veille-clip again")
        package = sys.modules[NAME] = module_from_spec(spec)
        spec.loader.exec_module(package)
    elif not _is_ours(_file(package)):
        raise NameTaken(
            f"another package called {NAME} was imported first ({_file(package)}): "
            "run `veille eval`, or start from another folder"
        )
    return import_module(f"{NAME}.{module}")


def _file(package: ModuleType) -> str | None:
    """None for a folder without ``__init__.py``."""
    return getattr(package, "__file__", None)


def _is_ours(file: str | None) -> bool:
    return file is not None and Path(file).resolve().parent == HERE / NAME


def main() -> None:
    """The ``veille`` command."""
    ours("cli").main()


def __getattr__(name: str) -> Any:
    """MkDocs' plugin, which must be a class, and needs MkDocs to be imported."""
    if name == "VeillePlugin":
        return ours("report.site.plugin").VeillePlugin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Enters where a study is asked for; other runs keep the names of all their options."""
    del parser
    config: Any = pluginmanager.get_plugin("pytestconfig")
    if asks_for_a_study(map(str, config.invocation_params.args)):
        try:
            pluginmanager.register(ours("suites.plugin"), "veille-suites")
        except NameTaken as error:
            from pytest import UsageError  # noqa: PT013 - not where nothing is asked for

            raise UsageError(str(error)) from None


def asks_for_a_study(arguments: Iterable[str]) -> bool:
    """Whether pytest was given ``--study``, or the suites, by their path or by their name."""
    return any(one.partition("=")[0] == "--study" or _names_suites(one) for one in arguments)


def _names_suites(argument: str) -> bool:
    place = argument.partition("::")[0]
    if f"{NAME}.suites" in place:
        spec = None if NAME in sys.modules else find_spec(NAME)
        return _is_ours(_file(sys.modules[NAME]) if spec is None else spec.origin)
    return f"{NAME}/suites" in place.replace("\\", "/") and (
        HERE / NAME / "suites" in (Path(place).resolve() / "-").parents
    )


if __name__ == "__main__":
    main()
