"""What commands say to their user."""


class Refused(Exception):
    """What a user gave cannot be used: one line, what was expected and what was found."""
