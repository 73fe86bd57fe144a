"""Who may do what, and the log of who did and who read."""
