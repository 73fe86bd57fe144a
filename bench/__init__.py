"""Benchmarks: ratios measured on the same brokers. Absolute rates only describe a machine."""
