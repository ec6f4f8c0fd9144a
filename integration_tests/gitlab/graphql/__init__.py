"""GitLab's GraphQL API, over the same world as the REST API."""
