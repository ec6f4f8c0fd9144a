"""Which groups and projects are read, and as whom."""
