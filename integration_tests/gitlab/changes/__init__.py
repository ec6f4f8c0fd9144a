"""What can happen to the world while it is read, one module for each area."""
