"""What templates print is inert; what is wrong with a template is said in one line."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import jinja2
import markdown
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from evaluation.errors import ReportError
from evaluation.report.kit.markup import Templates, inert
from tests.report.conftest import TEMPLATES

EXTENSIONS = ["attr_list", "fenced_code", "footnotes", "tables", "toc"]


def text_of(html: str) -> str:
    """The text of some HTML, entities resolved, tags dropped."""

    class Reader(HTMLParser):
        said = ""

        def handle_data(self, data: str) -> None:
            self.said += data

    reader = Reader(convert_charrefs=True)
    reader.feed(html)
    return reader.said.strip()


words = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs"), include_characters=" "),
    max_size=40,
)


@settings(deadline=None)  # the first page of a process loads Markdown
@given(words)
def test_inert_text_survives_markdown_and_html(text: str) -> None:
    """Whatever the data say, a heading, a paragraph and an attribute say the same."""
    text = " ".join(text.split())
    source = (
        f'## a{inert(text)}z {{: #x }}\n\n<p title="a{inert(text)}z">a{inert(text)}z</p>\n\n'
        f"Voici a{inert(text)}z."
    )
    html = markdown.markdown(source, extensions=EXTENSIONS)
    heading, block, paragraph = filter(None, html.split("\n"))
    assert text_of(heading) == f"a{text}z"
    assert text_of(block) == f"a{text}z"
    assert text_of(paragraph) == f"Voici a{text}z."


@pytest.mark.parametrize("text", ["a\n\n# b", "a\r\nb", "a\u2028b", "a\t\tb"])
def test_line_breaks_become_spaces(text: str) -> None:
    """A line break in the data cannot begin a block."""
    assert len(inert(text).splitlines()) == 1


def test_control_characters_are_dropped() -> None:
    """Python-Markdown's own marks cannot be forged."""
    assert inert("\x02wzxhzdk:0\x03") == "wzxhzdk:0"


def test_markup_is_left_alone() -> None:
    """A fragment that this package made is printed as it is."""
    assert inert(Markup("<b>x</b>")) == "<b>x</b>"


@pytest.mark.parametrize("value", [None, 3, 0.5, ["a"]])
def test_only_text_is_printed(value: object) -> None:
    """A number that nobody formatted is a mistake, not a page."""
    with pytest.raises(TypeError, match="not text"):
        inert(value)


def templates(folder: Path, **files: str) -> Templates:
    for name, text in files.items():
        (folder / f"{name}.jinja").write_text(text, encoding="utf-8")
    return Templates(folder)


def test_undefined_name_is_refused(tmp_path: Path) -> None:
    """An undefined variable names the template and the line."""
    source = templates(tmp_path, page="un\ndeux\n{{ page.titre }}\n")
    with pytest.raises(ReportError) as caught:
        source.fill("page.jinja", {"page": object()})
    assert caught.value.where == str(tmp_path / "page.jinja")
    assert "line 3" in str(caught.value)
    assert "titre" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_fault_in_a_macro_names_the_macros_file(tmp_path: Path) -> None:
    """The line is where the fault is, not where the macro is called."""
    source = templates(
        tmp_path,
        ui="{% macro say(x) %}\n{{ x.y }}\n{% endmacro %}",
        page='{% import "ui.jinja" as ui %}\n\n\n{{ ui.say(1) }}',
    )
    with pytest.raises(ReportError, match=r"ui\.jinja: line 2"):
        source.fill("page.jinja", {})


def test_syntax_error_is_placed(tmp_path: Path) -> None:
    """A syntax error names the template and the line."""
    source = templates(tmp_path, page="\n{% if %}")
    with pytest.raises(ReportError, match=r"page\.jinja: line 2"):
        source.fill("page.jinja", {})


def test_unformatted_number_is_placed(tmp_path: Path) -> None:
    """A value that is not text names the template and the line."""
    source = templates(tmp_path, page="\n{{ x }}")
    with pytest.raises(ReportError, match=r"page\.jinja: line 2: .*0\.5.*not text"):
        source.fill("page.jinja", {"x": 0.5})


def test_missing_template_and_folder(tmp_path: Path) -> None:
    """A template or a folder that is not there is named."""
    with pytest.raises(ReportError, match=r"rien\.jinja: no such template"):
        Templates(tmp_path).fill("rien.jinja", {})
    with pytest.raises(ReportError, match="no such folder"):
        Templates(tmp_path / "absent")


ARITHMETIC = (
    jinja2.nodes.Add,
    jinja2.nodes.Sub,
    jinja2.nodes.Mul,
    jinja2.nodes.Div,
    jinja2.nodes.FloorDiv,
    jinja2.nodes.Mod,
    jinja2.nodes.Pow,
)


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.jinja")), ids=lambda path: path.name)
def test_templates_do_no_arithmetic(path: Path) -> None:
    """All arithmetic is in Python, and nothing switches escaping off."""
    tree = jinja2.Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    assert not list(tree.find_all(ARITHMETIC))
    filters = {found.name for found in tree.find_all(jinja2.nodes.Filter)}
    assert not filters & {"safe", "round", "sum", "int", "float", "format"}
    # Jinja computes a filter of a constant once, in the language that is spoken then.
    used = tree.find_all(jinja2.nodes.Filter)
    assert not [found.name for found in used if isinstance(found.node, jinja2.nodes.Const)]
