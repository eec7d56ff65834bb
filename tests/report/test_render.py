"""The pure function: which pages there are, and what they say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.errors import ArtefactError
from evaluation.records import AnswerSpec, StudyResults
from evaluation.report.kit import links
from evaluation.report.pages import home
from evaluation.report.site.render import Pages, navigation, render
from evaluation.report.site.sites import fill_nav
from evaluation.report.study.view import StudyView, value
from tests.report import builder, tree
from tests.report.conftest import TEMPLATES, placeholder


def page(pages: Pages, uri: str) -> str:
    text = pages[uri]
    assert isinstance(text, str)
    return text


def only(results: StudyResults, **options: object) -> Pages:
    return render((results,), None, templates=TEMPLATES, draw=placeholder, **options)  # type: ignore[arg-type]


def test_rendering_is_pure(shop: StudyResults) -> None:
    """Equal results give equal pages."""
    assert only(shop) == only(shop)


def test_every_photo_is_copied_once(shop: StudyResults, pages: Pages) -> None:
    """Each small copy has its place, under its study."""
    copied = {uri: path for uri, path in pages.items() if isinstance(path, Path)}
    for card in shop.study.samples:
        assert copied[f"etudes/boutique/{card.photo}"] == shop.folder / card.photo


def test_photos_that_may_not_be_republished_stay_out(tmp_path: Path) -> None:
    """Only redistributable photos: none of the others is copied or named, and pages say why."""
    results = builder.shop(tmp_path, redistributable=False)
    pages = only(results, photos="redistributable")
    assert not [path for path in pages.values() if isinstance(path, Path)]
    texts = [text for text in pages.values() if isinstance(text, str)]
    assert not any("<img" in text for text in texts)
    for uri in ("donnees.md", f"categories/{links.slug(builder.AWKWARD[0])}.md"):
        assert "ne permet pas de les republier" in page(pages, f"etudes/boutique/{uri}")
    assert "0-train-0 et 0-train-1" in page(pages, "etudes/boutique/donnees.md")
    shown = only(builder.shop(tmp_path), photos="redistributable")
    assert any(isinstance(path, Path) for path in shown.values())


@pytest.mark.parametrize("photo", ["../../etc/passwd", "/etc/passwd"])
def test_photo_outside_the_study_is_refused(shop: StudyResults, photo: str) -> None:
    """A record cannot make the site copy a file from elsewhere."""
    first, *others = shop.study.samples
    results = builder.without(shop, samples=(replace(first, photo=photo), *others))
    with pytest.raises(ArtefactError, match="does not write"):
        only(results)


def test_navigation_has_no_empty_page(shop: StudyResults, toys: StudyResults) -> None:
    """Each study has its section; a page without matter is still to be made, or left out of it."""
    first, second = navigation((toys, shop))
    assert first.title == "Boutique d’essai"  # the study with published figures comes first
    assert [title for title, _ in second.pages if not title.endswith("(à calculer)")] == [
        "Réponse",
        "Jeu de données",
        "Approche classique",
        "Zero-shot",
        "Comparaison",
        "Explorateur",
        "Méthode et limites",
    ]
    zero_shot_only = builder.without(replace(toys, runs=toys.runs[:1]), cases=toys.study.cases[:1])
    (section,) = navigation((zero_shot_only,))
    assert "Approche classique" not in [title for title, _ in section.pages]
    supervised_only = builder.without(replace(toys, runs=toys.runs[1:]), cases=toys.study.cases[1:])
    (section,) = navigation((supervised_only,))
    assert "Zero-shot" not in [title for title, _ in section.pages]


@pytest.mark.parametrize(("leads", "order"), [("", ["boutique", "jouets"]),
                                               ("jouets", ["jouets", "boutique"])])  # fmt: skip
def test_the_study_that_the_site_is_about_comes_first(
    shop: StudyResults, toys: StudyResults, leads: str, order: list[str]
) -> None:
    """On the first page with its answer and its photos, the other in a line; first in the menu."""
    made = render((shop, toys), None, templates=TEMPLATES, draw=placeholder, leads=leads)
    page = tree.read(str(made["index.md"]))
    first = str(made["index.md"]).index
    titles = {"boutique": "Boutique d’essai", "jouets": "Jouets"}
    assert first(titles[order[0]]) < first("Les autres études") < first(f"{order[1]}/index.html")
    strip = next(one for one in page.find("ul") if "v-strip" in one.attributes.get("class", ""))
    photos = [one.attributes["src"] for one in strip.find("img")]
    assert len(photos) == len(set(photos)) >= 2
    assert all(one.startswith(f"etudes/{order[0]}/photos/") for one in photos)
    menu = [section.title for section in navigation((shop, toys), "fr", leads)]
    assert [title for title in menu if title in titles.values()] == [titles[one] for one in order]


def test_studies_and_models_stand_in_one_table(shop: StudyResults, toys: StudyResults) -> None:
    """A row a model, a column a study: the accuracy of its best case, or a dash."""
    views = tuple(
        StudyView(results=one, folder=f"etudes/{one.study.name}", draw=placeholder,
                  photos_shown=True)
        for one in (shop, toys)
    )  # fmt: skip
    studies = home.build(views, None)["table"]
    cells = {row.cells[0].text: row.cells[1:] for row in studies.groups[0].rows}
    assert set(cells) == {view.model_name(run.model.name) for view in views for run in view.scored}
    for title, found in cells.items():
        for view, cell in zip(views, found, strict=True):
            runs = [run for run in view.scored if view.model_name(run.model.name) == title]
            top = max((value(run, "accuracy") for run in runs), default=None)
            assert cell.value == ("" if top is None else repr(top))
    assert home.build(views[:1], None)["table"] is None


def test_the_menu_has_six_parts(shop: StudyResults) -> None:
    """In the order of the questions; the answer, alone in its part, is the entry itself."""
    (section,) = navigation((shop,))
    assert [*section.groups] == [
        "Réponse",
        "Données",
        "Deux approches",
        "Comparer",
        "Regarder",
        "Méthode",
    ]
    (entry,) = fill_nav(["{studies}"], (section,))
    answer, data, *_ = next(iter(entry.values()))
    assert answer == {"Réponse": "etudes/boutique/index.md"}
    assert [*data["Données"][0].values()] == ["etudes/boutique/donnees.md"]


def test_the_conclusion_moved_to_the_answer(pages: Pages) -> None:
    """Its old address leads there."""
    moved = pages["etudes/boutique/conclusion.html"]
    assert isinstance(moved, str)
    assert 'content="0; url=index.html"' in moved


def test_navigation_names_pages_that_are_rendered(shop: StudyResults, pages: Pages) -> None:
    """What the navigation names exists."""
    (section,) = navigation((shop,))
    assert {uri for _, uri in section.pages} <= set(pages)


def test_hostile_data_cannot_become_markup(pages: Pages) -> None:
    """Titles and class names never open a tag, a heading, a table cell or a code span."""
    for uri, text in pages.items():
        if not isinstance(text, str) or not uri.endswith(".md"):
            continue
        ours = r"([./]*assets/[\w/.-]+\.js|donnees/[\w-]+\.js\?[0-9a-f]{8})"
        assert not re.search(rf"<script(?! src=\"{ours}\" defer></script>)", text)
        assert "<b>Montres" not in text
        assert "alert(" not in text or "&#60;script&#62;alert(&#34;x&#34;)" in text
        assert not re.search(r"^# Titre", text, flags=re.MULTILINE), uri


def test_an_undefined_precision_is_a_dash_with_its_reason(pages: Pages) -> None:
    """A class that was never predicted has no precision, and the page says why."""
    text = page(pages, "etudes/boutique/clip-zero-shot.md")
    assert 'title="précision indéfinie\u00a0: cette catégorie n’a jamais été prédite">—' in text


def test_cases_without_result_are_shown_with_their_reason(pages: Pages) -> None:
    """Unavailable and failed cases are told with what their records say, and a reason."""
    text = page(pages, "etudes/boutique/methode.md")
    assert "Les poids ne sont pas sur cette machine" in text
    assert '<small lang="en">the weights are not on this machine' in text
    assert '<small lang="en">logits are not finite' in text


def test_a_cut_text_is_told(pages: Pages) -> None:
    """A warning of the model is on the page of its prompt set and in its record."""
    for name in ("clip-zero-shot", "methode"):
        text = page(pages, f"etudes/boutique/{name}.md")
        assert "is cut at 77 tokens" in text
        assert "X &#38; &#60;Y&#62;" in text


def test_quoted_figures_are_labelled(pages: Pages) -> None:
    """Every quoted row says so, and the source stands under the table."""
    text = page(pages, "etudes/boutique/comparaison.md")
    rows = re.findall(r'<tr class="v-row--quoted">.*?</tr>', text)
    assert len(rows) == 6  # three systems, two tables
    assert all("Diapositives<small>chiffres cités</small>" in row for row in rows)
    assert "Auteur, «\u00a0Veille technique\u00a0», 2024" in text


def test_quoted_and_measured_figures_stand_together(shop: StudyResults) -> None:
    """A measured case stands in the group of the system whose situation it is in, others apart.

    A stand-in is in no CLIP's, a network that learned without augmentation in no other's.
    """
    assert groups(shop) == [
        ("DenseNet201 avec augmentation", 0),
        ("CLIP, descriptions", 0),
        ("CLIP, gabarits", 0),
        ("Autres cas mesurés", 3),
    ]
    beside = {"densenet": ("embedded-supervised",), "clip-gabarits": ("embedded/noms",)}
    assert groups(builder.without(shop, answer=AnswerSpec(beside=beside))) == [
        ("DenseNet201 avec augmentation", 1),
        ("CLIP, descriptions", 0),
        ("CLIP, gabarits", 1),
        ("Autres cas mesurés", 1),
    ]


def groups(results: StudyResults) -> list[tuple[str, int]]:
    """Each group of the slides' table, with how many of its rows were measured."""
    text = page(only(results), "etudes/boutique/comparaison.md")
    table = text[text.index('id="precision-rappel"') :]
    bodies = re.findall(r"<tbody>(.*?)</tbody>", table[: table.index("</table>")], re.DOTALL)
    return [
        (re.findall(r"<span>(.*?)</span>", body)[0], body.count("v-row--measured"))
        for body in bodies
    ]


def test_a_study_without_published_figures_has_the_same_tables(pages: Pages) -> None:
    """Nothing is quoted where nothing was published."""
    text = page(pages, "etudes/jouets/comparaison.md")
    assert 'id="precision-rappel"' in text
    assert "Diapositives" not in text


def test_failed_attempts_do_not_hide_an_earlier_result(toys: StudyResults) -> None:
    """A later failure is told beside the result that stands."""
    failed = replace(
        toys.runs[0], status="failed", error="disk full", metrics=(), per_class=(), confusion=()
    )
    pages = only(replace(toys, failures=(failed,)))
    assert "disk full" in page(pages, "etudes/jouets/comparaison.md")
    assert "98,3\u202f%" in page(pages, "etudes/jouets/comparaison.md")
    text = page(pages, "etudes/jouets/methode.md")
    assert 'id="execution-jouets-embedded-noms-echec"' in text
    assert "failure.json" in text or "failure&#46;json" in text


def test_a_study_whose_cases_are_all_unavailable_has_its_pages(shop: StudyResults) -> None:
    """Nothing measured: the pages stand, and lead to the reasons."""
    pages = only(replace(shop, runs=shop.runs[2:4]))
    text = page(pages, "etudes/boutique/index.md")
    assert "Aucun cas n’a encore de résultat comparable" in text
    assert "6\u00a0cas non évalués" in text
    assert "forbids the network" in page(pages, "etudes/boutique/methode.md")


def test_many_unavailable_cases_are_a_line_a_model(shop: StudyResults) -> None:
    """Five models without weights and three prompt sets each: five lines on one page."""
    lacking = shop.runs[3]
    runs = [
        replace(
            lacking,
            case=f"boutique/m{i}/{one.prompts.name}",
            model=replace(lacking.model, name=f"m{i}", title=f"Modèle {i}"),
            prompts=one.prompts,
        )
        for i in range(5)
        for one in shop.runs[:3]
        if one.prompts is not None
    ]
    scored = tuple(run for run in shop.runs if run.status == "ok")
    results = replace(shop, runs=(*scored, *runs))
    results = builder.without(results, cases=tuple(run.case for run in results.runs))
    pages = only(results)
    for uri in ("index.md", "etudes/boutique/index.md", "etudes/boutique/clip-zero-shot.md"):
        assert "15\u00a0cas non évalués" in page(pages, uri)
    method = page(pages, "etudes/boutique/methode.md")
    assert method.count("forbids the network") == 5
    assert "Modèle 4, 3\u00a0jeux de textes" in method
    folded = method.index("15\u00a0cas indisponibles")
    assert method.index("execution-boutique-embedded-noms") < folded
    assert folded < method.index('id="execution-boutique-m0-noms"')


def test_a_licence_that_forbids_commercial_use_is_shown(pages: Pages) -> None:
    """In the table of the models and on the model's card, with the address of its text."""
    text = page(pages, "etudes/boutique/modeles.md")
    assert text.count("usage commercial interdit") == 2
    assert text.count("usage commercial permis") == 2
    assert text.count("usage commercial à vérifier") == 2
    assert '<a href="https://example.org/LICENSE">Texte de la licence</a>' in text


def test_a_local_path_of_weights_is_not_published(toys: StudyResults) -> None:
    """Of a checkpoint on somebody's disk, the page gives the name alone."""
    run = replace(toys.runs[0], model=replace(toys.runs[0].model, weights="/home/eve/clip.pt"))
    text = page(only(replace(toys, runs=(run,))), "etudes/jouets/methode.md")
    assert "clip.pt" in text
    assert "/home" not in text


def test_a_thousand_photos_are_counted_in_french(toys: StudyResults) -> None:
    """Counts have their narrow space."""
    card = toys.study.samples[0]
    samples = tuple(replace(card, id=str(i), fold="test") for i in range(1050))
    results = builder.without(replace(toys, predictions={}), samples=samples)
    text = page(only(results), "etudes/jouets/index.md")
    assert "1\u202f050\u00a0photos" in text
