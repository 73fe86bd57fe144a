"""What bounds memory: one budget for a process, and batches that cannot inflate past it."""
