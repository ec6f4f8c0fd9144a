"""The documentation site, as it is built."""
