"""Tests of the connector as a process, and the GitLab emulator that they run against."""
