"""Runbooks, tried: each page's own commands against a stack that was broken on purpose."""
