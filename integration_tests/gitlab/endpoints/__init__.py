"""The endpoints of the API, one module for each area of GitLab."""
