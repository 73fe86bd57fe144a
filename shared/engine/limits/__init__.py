"""Limits of memory: one budget for a process, and a limit for decompressed batches."""
