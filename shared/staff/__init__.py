"""Access rights of staff, and the audit log of what people did and read."""
