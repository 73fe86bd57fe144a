"""A service as a process: settings, wiring, shutdown, the operator's API."""
