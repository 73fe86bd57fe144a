"""What goes wrong and what it means: MongoDB's errors, cancellation, and points at which tests kill."""
