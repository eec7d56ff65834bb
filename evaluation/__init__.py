"""veille-clip: is zero-shot CLIP good enough for your own categories?

A map of the rooms; import-linter holds the order:

- ``errors``, ``records``    what everything speaks: exceptions, and frozen values
- ``config``                 study.toml -> Study, every mistake at once
- ``data``, ``models``, ``embeddings``, ``explain``, ``scoring``, ``artefacts``, ``reference``,
  ``provenance``, ``cost``, ``scaffold``
                             the stages; they never import each other
- ``run``, ``attention``, ``analyse``, ``suggest``
                             where the stages meet: to score a case, to explain it, to compare
                             the cases, to suggest better texts
- ``report``                 artefacts -> pages; never imports torch
- ``terminal``               progress bars and tables
- ``suites``, ``cli``        pytest cases, and the ``veille`` command
- ``studies``                the shipped studies (data)
"""
