"""Exit statuses beyond 0."""

USER_ERROR = 2
"""The request could not be met as it was made."""
INTERRUPTED = 130
"""Ctrl-C; what had been done is kept."""
