"""How many requests at once, how many a minute, and how long to wait."""
