"""The parking lot: failed events are listed, redriven, discarded and resumed."""
