"""Photos and their classes: from files to samples, a split, and resolved prompts."""
