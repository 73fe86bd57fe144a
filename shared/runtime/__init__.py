"""A service as a process: settings, wiring, shutdown, health, the operator's API."""
