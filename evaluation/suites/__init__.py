"""The evaluation suites: pytest cases whose claims are made of every (model, prompt set)."""
