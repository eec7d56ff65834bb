"""Study files: TOML to a `Study`, with every mistake told at once."""
