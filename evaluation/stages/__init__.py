"""From a study to its records: open, score, explain, compare, suggest."""
