"""What is kept: embeddings, maps and photo inspections in the cache, results in artefacts."""
