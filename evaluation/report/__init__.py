"""From records to a site: the only room that speaks French, and English.

::

    artefacts ──► view ──► pages/*.py ──► templates/*.jinja ──► plugin.py (MkDocs)
                  (which     (page models:    (words, no           disk.py   (files)
                   cases      formatted text)   arithmetic)
                   count)

    language.py   messages, and their translation   wording.py   numbers, dates and lists
    links.py      relative addresses, slugs
    tables.py     tables as templates print them        scores.py   tables of results
    charts.py     Vega-Lite to SVG                       sentences.py  prose made of numbers
    maps.py       what a map shows, in words             explained.py  photos with their maps
    faithfulness.py  what maps are worth                 suggestions.py  more precise texts
    deck/         slides                                 booklet.py   a study on paper
    standalone.py files that hold all they show          printing.py  Chromium; paper.py calls it
    markup.py     everything printed is inert            render.py   the pure function

:func:`evaluation.report.site.disk.write_report` is what ``veille report`` calls.
"""
