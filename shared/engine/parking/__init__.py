"""What is parked: looked at, redriven, discarded, resumed."""
