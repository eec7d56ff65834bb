"""Messages, their translation, and what keeps the catalogue whole."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from evaluation.errors import Reason, ReportError
from evaluation.records import FOLDS
from evaluation.records.analysis import Verdict
from evaluation.records.base import Status
from evaluation.records.scores import StrayScore
from evaluation.report.kit import language, wording
from evaluation.report.kit.language import nt, speaking, t
from evaluation.report.kit.markup import Templates
from evaluation.report.kit.page import Part
from tests.report.conftest import ROOT
from tests.report.test_prose import spacing_faults

N, T = "\u00a0", "\u202f"

CATALOGUE = """
msgid ""
msgstr "Plural-Forms: nplurals=2; plural=(n != 1);"

msgid "{n} photo de {label}"
msgid_plural "{n} photos de {label}"
msgstr[0] "{n} photo of {label}"
msgstr[1] "{n} photos of {label}"

msgid "Exactitude de {case} : {value}"
msgstr "{value} is the accuracy of {case}"

msgid "**Gras** et {x}"
msgstr "**Bold** and {x}"

msgid "sans traduction"
msgstr ""
"""


@pytest.fixture(autouse=True)
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue of these tests' own."""
    (tmp_path / "en.po").write_text(CATALOGUE, encoding="utf-8")
    monkeypatch.setattr(language, "CATALOGUES", tmp_path)
    language._catalogue.cache_clear()
    yield
    language._catalogue.cache_clear()


def test_french_is_the_message() -> None:
    """Outside any block French is spoken, and a message is its own text."""
    assert language.current() == "fr"
    assert t("Exactitude de {case} : {value}", case="A", value="1") == f"Exactitude de A{N}: 1"


def test_speaking_ends_with_its_block() -> None:
    """English is spoken inside the block alone, even when it ends by an error."""
    with speaking("en"):
        assert language.current() == "en"
    with pytest.raises(TypeError), speaking("en"):
        t("sans traduction", x="1")
    assert language.current() == "fr"


def test_another_order_of_slots() -> None:
    """A translation may order its slots otherwise; braces in a value mean nothing."""
    with speaking("en"):
        said = t("Exactitude de {case} : {value}", case="{value}", value="1")
    assert said == "1 is the accuracy of {value}"


def test_message_without_translation_is_french() -> None:
    """What has no translation, or is not in the catalogue, is said in French."""
    with speaking("en"):
        assert t("sans traduction") == "sans traduction"
        assert t("inconnu") == "inconnu"
        assert nt(0, "{n} cas", "{n} cas s") == f"0{N}cas"


@pytest.mark.parametrize(("n", "french", "english"), [(0, "", "s"), (1, "", ""), (2, "s", "s")])
def test_each_language_counts(n: int, french: str, english: str) -> None:
    """The French plural begins at two; the English singular is one alone."""
    forms = "{n} photo de {label}", "{n} photos de {label}"
    assert nt(n, *forms, label="x") == f"{n}{N}photo{french} de x"
    with speaking("en"):
        assert nt(n, *forms, label="x") == f"{n}{N}photo{english} of x"


def test_the_number_is_written_as_numbers_are() -> None:
    """Thousands have each language's separator; the number may go unsaid."""
    assert nt(1050, "une photo", "{n} photos") == f"1{T}050{N}photos"
    assert nt(1, "une photo", "{n} photos") == "une photo"
    with speaking("en"):
        assert nt(1050, "{n} photo de {label}", "{n} photos de {label}", label="x").startswith(
            f"1,050{N}photos"
        )


@pytest.mark.parametrize("slots", [{}, {"x": "1"}, {"case": "1", "value": "2", "x": "3"}])
def test_slots_are_those_of_the_message(slots: dict[str, str]) -> None:
    """A slot without value, or a value without slot, is refused at once, in French too."""
    with pytest.raises(TypeError, match="slots of"):
        t("Exactitude de {case} : {value}", **slots)


def test_slots_hold_text() -> None:
    """A number is formatted before it is said."""
    with pytest.raises(TypeError, match="not text"):
        t("{x}", x=1)  # type: ignore[arg-type]


def test_sentences_keep_their_links(tmp_path: Path) -> None:
    """Parts of a sentence fill the slots of a message, wherever its language puts them."""
    source = '{{ t("Exactitude de {case} : {value}", case="A", value=number) }}'
    (tmp_path / "a.jinja").write_text(source, encoding="utf-8")
    templates, number = Templates(tmp_path), {"number": Part(text="85,7", href="x.html")}
    link = '<a class="v-number" href="x.html" title="">85,7</a>'
    assert templates.fill("a.jinja", number) == f"Exactitude de A{N}: {link}"
    with speaking("en"):
        assert templates.fill("a.jinja", number) == f"{link} is the accuracy of A"


def test_templates_say_messages(tmp_path: Path) -> None:
    """A template's message is markup; what fills it is inert; a wrong slot names the line."""
    (tmp_path / "a.jinja").write_text('{{ t("**Gras** et {x}", x=x) }}', encoding="utf-8")
    (tmp_path / "b.jinja").write_text('\n{{ t("{y}", x=x) }}', encoding="utf-8")
    (tmp_path / "c.jinja").write_text('{{ nt(n, "{n} pli", "{n} plis") }}', encoding="utf-8")
    templates = Templates(tmp_path)
    assert templates.fill("a.jinja", {"x": "<b>"}) == "**Gras** et &#60;b&#62;"
    assert templates.fill("c.jinja", {"n": 3}) == f"3{N}plis"
    with speaking("en"):
        assert templates.fill("a.jinja", {"x": "*"}) == "**Bold** and &#42;"
    with pytest.raises(ReportError, match="line 2: slots of"):
        templates.fill("b.jinja", {"x": "1"})


def test_numbers_in_english() -> None:
    """Decimal points, commas between thousands, intervals between brackets with a comma."""
    with speaking("en"):
        assert wording.decimal(-1234.5, 1) == "\u22121,234.5"
        assert wording.percent(0.857) == "85.7%"
        assert wording.interval(0.803, 0.898) == f"[80.3,{N}89.8]"
        assert wording.p_value(0.0001) == f"p{N}<{N}0.001"
        assert wording.listing(("a", "b", "c"), "ou") == "a, b or c"
        assert wording.quote("word") == "“word”"


@pytest.mark.parametrize(
    ("difference", "digits", "expected"),
    [
        (0.01, 1, "+1.0 points"),
        (0.01, 0, "+1 point"),
        (0.005, 1, "+0.5 points"),
        (0, 0, "0 points"),
    ],
)
def test_points_in_english(difference: float, digits: int, expected: str) -> None:
    """Only the bare number one is singular."""
    with speaking("en"):
        assert wording.points(difference, digits) == expected.replace(" ", N)


def test_dates_in_english() -> None:
    """Day, month, year, and a clock of 24 hours."""
    with speaking("en"):
        assert wording.date("2026-02-01") == f"1{N}February{N}2026"
        said = wording.instant("2026-11-23T14:05:09+00:00")
    assert said == f"23{N}November{N}2026 at 14:05{N}UTC"


# -------------------------------------------------------------------- the catalogue


@pytest.fixture(scope="module")
def script(sources: Path) -> ModuleType:
    """scripts/messages.py, which is not in a package."""
    spec = importlib.util.spec_from_file_location("messages", sources / "scripts" / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_message_is_translated(script: ModuleType) -> None:
    """The catalogue is up to date: whole, nothing obsolete, same slots, no French left."""
    found, known = script.messages(ROOT), script.translations(script.CATALOGUE)
    assert script.faults(found, known) == []
    assert script.CATALOGUE.read_bytes() == script.written(found, known), "run `tox -e messages`"


def test_messages_are_typed_on_an_ordinary_keyboard(script: ModuleType) -> None:
    """No message holds a space that does not break: t() sets them, as hand-written pages do."""
    messages = script.messages(ROOT)
    said = [text for one in messages for text in ((one,) if isinstance(one, str) else one)]
    assert [text for text in said if N in text or T in text] == []
    set_ = [t(text, **dict.fromkeys(language.SLOT.findall(text), "x")) for text in said]
    assert spacing_faults("\n".join(set_)) == []


@pytest.mark.parametrize(
    ("typed", "french"),
    [
        ("Verdict : {n} photos ; « {n} »", f"Verdict{N}: 2{N}photos{T}; «{N}2{N}»"),
        ("IC 95 % (n = {n})", f"IC{N}95{T}% (n{N}={N}2)"),
        ("sur ces {n} ({n})", "sur ces 2 (2)"),
    ],
)
def test_messages_are_typeset(typed: str, french: str) -> None:
    """French punctuation keeps to its word, a count to its noun, a sign to its number."""
    assert t(typed, n="2") == french


def test_messages_are_found(script: ModuleType, tmp_path: Path) -> None:
    """In Python, templates and lists, in any call; texts of several literals are one."""
    report, records = tmp_path / "evaluation/report", tmp_path / "evaluation/records"
    for folder in (report, records, tmp_path / "templates"):
        folder.mkdir(parents=True)
    python = 't("a" "b"); t("c {x}", x=nt(2, "un", "des", y=t("d")))'
    nested = 't("g {x}", x=quote(t("h"))); f"{t(\'i\')}"; t("j" if "k" == x else y)'
    (report / "x.py").write_text(f"{python}; {nested}")
    (records / "y.toml").write_text('[[metrics]]\nname = "y"\ntitle = "e"')
    template = '{{ t("f {x}", x=ui.say(y)) }}{% if nt(n, "un", "des") %}{% endif %}'
    (tmp_path / "templates/z.jinja").write_text(template)
    found = script.messages(tmp_path)
    assert set(found) == {"ab", "c {x}", ("un", "des"), "d", "e", "f {x}", "g {x}", "h", "i"}
    assert found["un", "des"] == ["evaluation/report/x.py", "templates/z.jinja"]


def test_faults_of_a_catalogue(script: ModuleType) -> None:
    """Missing, obsolete, other slots and French words are each told."""
    found = {text: ["x.py"] for text in ("sans", "{a} et {b}", "le mot")}
    known = {"{a} et {b}": ("{a} and {c}",), "le mot": ("le word",), "vieux": ("old",)}
    told = script.faults(found, known)
    assert len(told) == 4
    for words in ("has no translation", "other slots", "French is left", "nobody says 'vieux'"):
        assert any(words in line for line in told)


def test_translations_survive_an_update(script: ModuleType, tmp_path: Path) -> None:
    """Updating keeps known translations, drops the others, and is stable."""
    found = {"a": ["x.py"], ("un {n}", "des {n}"): ["y.jinja"], "neuf\n{x}": ["y.jinja"]}
    known = {"a": ("A",), ("un {n}", "des {n}"): ("one {n}", "some {n}"), "old": ("o",)}
    path = tmp_path / "x.po"
    path.write_bytes(script.written(found, known))
    again = script.translations(path)
    assert again == {
        "a": ("A",),
        ("un {n}", "des {n}"): ("one {n}", "some {n}"),
        "neuf\n{x}": ("",),
    }
    assert script.written(found, again) == path.read_bytes()


def test_every_code_of_the_records_has_its_words() -> None:
    """A table of words names the codes of its kind, no more and no fewer."""
    codes = {"status": Status, "reasons": Reason, "verdicts": Verdict, "stray-scores": StrayScore}
    assert {table: set(language.WORDS[table]) for table in codes} == {
        table: set(get_args(kind)) for table, kind in codes.items()
    }
    assert tuple(language.WORDS["parts"]) == FOLDS
    assert language.word("stray-scores", "none", none="autre") == "texte «\u00a0autre\u00a0»"
