"""gomill's report, without what differs from run to run."""

from __future__ import annotations

import re

WITHOUT_CPU = re.compile(r" +(avg cpu|\d+\.\d\d)$", re.MULTILINE)
"""Processor times are never the same twice."""
