"""Rollbacks: a store that was restored is noticed, compared with its own topics, and resumed."""
