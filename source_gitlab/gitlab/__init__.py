"""How we talk to GitLab: one pool of connections, with retries, limits and credentials."""
