"""Language, wording, links, tables, charts: nothing here knows what a study is."""
