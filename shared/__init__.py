"""What every service needs and none owns: the published language, the engine, keys, pages. Knows no service."""
