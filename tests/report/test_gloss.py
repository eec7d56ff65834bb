"""Names of methods are explained where a page first says them."""

from __future__ import annotations

import re

import pytest

from evaluation.report.kit.foreign import glossed
from evaluation.report.kit.language import WORDS, speaking
from evaluation.report.site.render import Pages
from tests.report.words import words


@pytest.mark.parametrize("name", ["pages", "english"])
def test_every_method_that_a_page_names_has_a_gloss(
    name: str, request: pytest.FixtureRequest
) -> None:
    """In both languages, once a page; the gloss is in the page's own."""
    found: Pages = request.getfixturevalue(name)
    seen = set()
    with speaking("fr" if name == "pages" else "en"):
        for uri, page in found.items():
            if not (uri.startswith("etudes/") and uri.endswith(".md") and isinstance(page, str)):
                continue
            text = words(page)
            said = {
                one for one in WORDS["glosses"] if re.search(rf"(?<![\w-]){one}(?![\w-])", text)
            }
            told = re.findall(r'<abbr title="[^"]+">([^<]+)</abbr>', page)
            assert sorted(told) == sorted(said), uri
            seen |= said
    assert {"Holm", "Wilson", "Spearman", "McNemar", "Cochran", "Tango"} <= seen


def test_only_the_first_is_explained_and_no_attribute_is() -> None:
    """Tags, code, headings and drawings stay as they are; so does a longer word."""
    page = '# Holm\n\n<p title="Holm">Holmes, <code>Holm</code>, Holm, puis Holm.</p>'
    assert glossed(page) == (
        '# Holm\n\n<p title="Holm">Holmes, <code>Holm</code>, <abbr title="correction de p qui '
        'tient compte du nombre de comparaisons">Holm</abbr>, puis Holm.</p>'
    )


def test_words_of_a_class_gloss_lead_the_search_to_it(pages: Pages) -> None:
    """They are tags of its page, which the search puts before titles: "montrer" is no "Montres"."""
    tagged = {uri for uri, page in pages.items() if '\ntags: ["' in str(page)[:200]}
    assert {uri.rpartition("/")[2] for uri in tagged} == {"trains.md"}
    (uri,) = tagged
    assert '\ntags: ["Locomotives", "wagons", ]\n---\n' in str(pages[uri])
