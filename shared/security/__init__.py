"""Data keys for fields, and seals for letters."""
