"""GitLab for models, through the Model Context Protocol."""
