"""What `make demo` and `make demo-faces` show is run as they run it."""
