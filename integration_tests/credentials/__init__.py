"""Sign-in, renewal, and secrets in no output."""
