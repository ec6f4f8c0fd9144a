"""The setup report: each thing that the user gave is tested, and what is wrong is said at once."""

from source_gitlab.setup_check.result import Result, Step, Verdict
from source_gitlab.setup_check.run import check, session_for

__all__ = ["Result", "Step", "Verdict", "check", "session_for"]
