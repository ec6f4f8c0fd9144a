"""What the tests have in common: processes, reads, worlds, histories."""
