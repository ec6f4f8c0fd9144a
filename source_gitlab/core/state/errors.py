"""What is wrong with a state that cannot be read."""


class StateError(ValueError):
    """The state was not written by this connector, nor by one whose state it can take over."""
