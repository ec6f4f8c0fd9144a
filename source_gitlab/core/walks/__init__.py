"""One module for each way to walk a list of GitLab."""
