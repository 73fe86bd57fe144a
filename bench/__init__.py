"""Speed, as ratios measured side by side on the same brokers; absolute rates only describe a machine."""
