"""Evaluation: embeddings and their cache, classifiers, retrieval and the measures of the ranking."""
