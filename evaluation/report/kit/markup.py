"""Templates to text: everything that a template prints is inert in Markdown and in HTML.

A page is a Markdown file with blocks of raw HTML.  A product title may hold ``<script>``, a
class name ``|`` or ``*``: whatever a template prints is therefore written with numeric
character references, which mean the character itself in a heading, in a paragraph and in an
attribute alike.  Only Markdown that a template spells, or a fragment that this package made
(:class:`markupsafe.Markup`), is markup.
"""

import inspect
import re
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup

from evaluation.errors import ReportError
from evaluation.report.kit import wording
from evaluation.report.kit.language import foreign, nt, t, word
from evaluation.report.kit.page import Part

_FORMS = {
    name: form for name, form in vars(wording).items() if inspect.getmodule(form) is wording
} | {"foreign": foreign}
"""Filters of the templates: what :mod:`wording` says, by name: ``{{ share | percent }}``."""

_LINK = Markup('<a class="v-number" href="{}" title="{}">{}</a>')
_SPECIAL = re.compile(r"[&<>\"'`*_{}\[\]#!|~\\^]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def inert(value: object) -> Markup:
    """A value as text that neither Markdown nor HTML reads as markup.

    Control characters are dropped (Python-Markdown marks its own places with U+0002 and
    U+0003) and runs of white space become one space, so that a line break in the data
    cannot begin a new block.  A part of a sentence is its text with its link.  Raises
    :class:`TypeError` for a value that is not text: page models hold formatted text, and ``None``
    on a page is a fault of ours.
    """
    if isinstance(value, Markup):
        return value
    if isinstance(value, Part):
        text = inert(value.text)
        return _LINK.format(inert(value.href), inert(value.title), text) if value.href else text
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises the undefined variable's own error
    if not isinstance(value, str):
        raise TypeError(f"a template prints {value!r}, which is not text")
    plain = re.sub(r"\s*[\n\r\t\v\f\x85\u2028\u2029]\s*", " ", value)
    plain = _CONTROL.sub("", plain)
    return Markup(_SPECIAL.sub(lambda special: f"&#{ord(special[0])};", plain))  # noqa: S704 - escaped


def template_t(text: str, /, **slots: object) -> Markup:
    """What templates call ``t``: a message of theirs is markup, what fills its slots is not."""
    return Markup(t(text, **_inert(slots)))  # noqa: S704 - the message is the template's own


def template_nt(n: int, one: str, several: str, /, **slots: object) -> Markup:
    """What templates call ``nt``; slot ``{n}`` is the number."""
    return Markup(nt(n, one, several, **_inert(slots)))  # noqa: S704 - likewise


def template_clauses(parts: Iterable[str]) -> Markup:
    """What templates call ``clauses``: "a ; b", without the parts that say nothing."""
    return Markup(wording.clauses(str(inert(part)) for part in parts if part))  # noqa: S704 - inert


def _inert(slots: Mapping[str, object]) -> dict[str, str]:
    return {name: str(inert(value)) for name, value in slots.items()}


class Compiled(jinja2.BytecodeCache):
    """Compiled templates, kept for the life of the process: a template is compiled once.

    An entry whose source has changed is not used: Jinja compares checksums.
    """

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fills the bucket of a template that was compiled before."""
        if (compiled := self._known.get(bucket.key)) is not None:
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps what was compiled."""
        self._known[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()
"""Of the whole process: a site that is built again, while it is served, compiles what changed."""


class Templates:
    """A folder of Jinja templates that print only text, and know no arithmetic."""

    def __init__(self, folder: Path) -> None:
        """Raises :class:`ReportError` when the folder does not exist."""
        if not folder.is_dir():
            raise ReportError(
                "no such folder of templates", where=folder, remedy="give the path of templates/"
            )
        self._folder = folder
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            finalize=inert,
            trim_blocks=True,
            lstrip_blocks=True,
            bytecode_cache=COMPILED,
        )
        self._environment.globals |= {"t": template_t, "nt": template_nt, "word": word}
        self._environment.filters |= {**_FORMS, "clauses": template_clauses}

    def page(self, name: str, model: object, **values: object) -> str:
        """The text of the page ``name``, whose template knows its model as ``page``."""
        return self.fill(f"{name}.md.jinja", {"page": model, **values})

    def fill(self, name: str, values: Mapping[str, object]) -> str:
        """The text of template ``name``.

        Raises :class:`ReportError` naming the template and the line for an undefined
        variable, a syntax error or a value that cannot be printed.
        """
        try:
            return self._environment.get_template(name).render(values)
        except jinja2.TemplateSyntaxError as error:
            raise self._fault(error, error.name or name, error.lineno) from error
        except jinja2.TemplateNotFound as error:
            raise ReportError(
                "no such template",
                where=self._folder / (error.name or name),
                remedy="restore the file",
            ) from error
        except (jinja2.TemplateError, TypeError, ValueError, LookupError) as error:
            raise self._fault(error, *self._place(error, name)) from error

    def _fault(self, error: Exception, name: str, line: int) -> ReportError:
        reason = str(error) or type(error).__name__
        return ReportError(
            f"line {line}: {reason}", where=self._folder / name, remedy="correct the template"
        )

    def _place(self, error: Exception, name: str) -> tuple[str, int]:
        # Jinja rewrites tracebacks so that its frames name the template and its line.
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            path = Path(frame.filename)
            if path.is_relative_to(self._folder):
                return path.relative_to(self._folder).as_posix(), frame.lineno or 0
        return name, 0
