"""How rows look in GitLab's JSON: one function for each resource, every column that it returns."""
