"""OAuth tokens on this machine: encrypted, one file and one lock for each profile."""
