"""Failures and what they mean: reasons for parking, errors of MongoDB, and cancellation."""
