"""Observability of a service: metrics, logs, traces."""
