"""A second GitLab, for the lists that are used most, that shares no code with the first.

What one emulator and the connector both take for granted, no test against that emulator can find.
This one is written from GitLab's own code and documentation with the standard library alone: rows
live in SQLite, lists are queries as GitLab's finders make them, and the server is `http.server`.
Where the two disagree, GitLab's code decides. Nothing here may import `integration_tests.gitlab`.
"""
