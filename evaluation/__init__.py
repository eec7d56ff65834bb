"""veille-clip: is zero-shot CLIP good enough for your own categories?

A map of the rooms; import-linter holds the order:

- ``errors``, ``records``    what everything speaks: exceptions, and frozen values
- ``study``                  study.toml -> Study, every mistake at once
- ``stores``, ``net``        what is kept (embeddings, maps, artefacts), what is fetched
- ``scoring``                pure numpy and scipy: metrics, intervals, tests
- ``data``, ``models``, ``explain``
                             photos and their split; what embeds, predicts and is explained
- ``stages``                 where they meet: score, explain, compare, suggest
- ``report``                 artefacts -> pages; never imports torch
- ``terminal``               progress bars and tables
- ``suites``, ``commands``, ``cli``
                             pytest cases, and the ``veille`` command
- ``studies``                the shipped studies (data)
"""
