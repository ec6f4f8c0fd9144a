"""What GitLab, or what stands in front of it, does wrong."""
