"""A service's own database: the transaction, the unit of work, documents, leases."""
