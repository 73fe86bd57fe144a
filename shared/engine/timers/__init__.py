"""Deadlines as documents, and the scheduler that fires them."""
