"""Corpora in, artefacts out: recipes that need torch and are never imported by serving."""
