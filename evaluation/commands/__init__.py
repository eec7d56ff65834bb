"""Commands that start another program's machinery: pytest, MkDocs."""
