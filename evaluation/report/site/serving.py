"""What ``mkdocs serve`` needs besides the pages: speed, and a fault that does not stop it.

A build that fails would leave the server mute until it is started again.  While it serves, a
fault is therefore told on every page, over the last pages that came out, and in one line on the
terminal; the next save that mends it makes it go away.
"""

import re
from html import escape
from pathlib import Path

from evaluation.report.kit.language import t
from evaluation.report.kit.links import APPENDIX, HOME
from evaluation.report.site.render import Content, Pages


def still_there(pages: Pages) -> dict[str, Content]:
    """The pages, less the files to copy that are gone since."""
    return {
        uri: content
        for uri, content in pages.items()
        if not isinstance(content, Path) or content.is_file()
    }


def nothing_yet() -> dict[str, Content]:
    """Pages that stand for those that have never come out; the fault is told over them."""
    title = t("Ces pages n’ont pas encore pu être faites")
    return dict.fromkeys((HOME, APPENDIX), f"# {title}\n")


def over(html: str, fault: str) -> str:
    """A page with a fault told on top of it."""
    what = t("Ce site n’est pas à jour : sa dernière construction a échoué.")
    remedy = t("Corrigez, enregistrez : la page se rechargera d’elle-même.")
    notice = (
        '<div class="v-fault" role="alert" data-search-exclude>'
        f"<p><strong>{escape(what)}</strong> {escape(remedy)}</p>"
        f'<pre lang="en">{escape(fault)}</pre></div>'
    )
    return re.sub(r"<body\b[^>]*>", lambda body: body[0] + notice, html, count=1)
