"""Exit statuses beyond 0."""

FAULTY = 1
"""All that could be played has been, but engines failed, or somebody was suspended; or a run of a sweep failed."""
USER_ERROR = 2
"""The request could not be met as it was made."""
INTERRUPTED = 130
"""Ctrl-C; what had been done is kept."""
