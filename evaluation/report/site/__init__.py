"""From results to the pages of a site: rendering, MkDocs, languages, disk."""
