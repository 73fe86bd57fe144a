"""What a service shows of itself: metrics, collectors, traces."""
