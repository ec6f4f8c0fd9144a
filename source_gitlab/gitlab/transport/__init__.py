"""Connections: their pool, their TLS, and the bounds of a body in size and time."""
