"""Signing in and out at the command line, and what a token says of itself."""
