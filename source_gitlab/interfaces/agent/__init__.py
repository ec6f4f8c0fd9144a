"""GitLab for agents: entities with actions, and search in the file that `sync` writes."""
