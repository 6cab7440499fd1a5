"""The plain part of Python that control files are written in, evaluated without being executed."""
