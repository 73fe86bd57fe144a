"""A service's own database: transactions, units of work, documents, leases, the seam for rollbacks."""
