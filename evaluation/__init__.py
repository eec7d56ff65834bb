"""veille-clip: is zero-shot CLIP good enough for your own categories?

A map of the rooms; import-linter holds the order:

- ``errors``, ``records``    what everything speaks: exceptions, and frozen values
- ``config``                 study.toml -> Study, every mistake at once
- ``data``, ``models``, ``embeddings``, ``scoring``, ``artefacts``, ``reference``
                             the stages; they never import each other
- ``run``                    the only place where the stages meet
- ``report``                 artefacts -> pages; never imports torch
- ``suites``, ``cli``        pytest cases, and the ``veille`` command
- ``studies``                the shipped studies (data)
"""
