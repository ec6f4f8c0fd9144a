"""A GitLab emulator: a real HTTP server that behaves like GitLab's REST API, faults included.

Run it as a process with ``python -m integration_tests.gitlab`` or start it from Python with
:class:`integration_tests.gitlab.launch.Emulator`. Nothing here imports the connector.
"""
