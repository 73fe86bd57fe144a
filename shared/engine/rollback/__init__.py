"""A store that was put back to an earlier state: noticed, compared with its own topics, resumed."""
