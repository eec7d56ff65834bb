"""Names of methods, explained where a page first says them."""

import re

from evaluation.report.kit.foreign import in_texts
from evaluation.report.kit.language import message, t
from evaluation.report.kit.markup import inert

GLOSSES = {
    "AURC": message("aire sous la courbe du risque selon la part classée ; plus bas est mieux"),
    "BCa": message("intervalle par tirages répétés des photos, corrigé de leur biais"),
    "Brier": message("erreur quadratique moyenne des probabilités ; plus bas est mieux"),
    "Cochran": message("test de l’égalité de toutes les exactitudes, sur les mêmes photos"),
    "ECE": message("écart moyen entre la confiance et la réussite ; plus bas est mieux"),
    "Holm": message("correction de p qui tient compte du nombre de comparaisons"),
    "McNemar": message("test de deux cas sur les seules photos où l’un a raison et l’autre tort"),
    "mid-p": message("p exact dont le cas observé ne compte que pour moitié"),
    "NLL": message("surprise moyenne devant la bonne réponse ; plus bas est mieux"),
    "Spearman": message("corrélation des rangs : de −1 à 1, et 0 sans lien"),
    "Tango": message("intervalle de l’écart de deux parts mesurées sur les mêmes photos"),
    "Wilson": message("intervalle d’une part, qui vaut aussi pour peu de photos"),
}
"""Name to what it means, in a few words; a page of the site says more of each where it is used."""

_NAMES = re.compile(rf"(?<![\w-])(?:{'|'.join(GLOSSES)})(?![\w-])")


def glossed(page: str) -> str:
    """A page of :func:`~evaluation.report.kit.foreign.marked`, whose methods have their gloss."""
    told: set[str] = set()

    def first(found: re.Match[str]) -> str:
        name = found[0]
        if name in told:
            return name
        told.add(name)
        return f'<abbr title="{inert(t(GLOSSES[name]))}">{name}</abbr>'

    return in_texts(page, lambda text: _NAMES.sub(first, text))
