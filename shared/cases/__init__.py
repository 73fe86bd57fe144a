"""What all services that own cases share."""
