"""Holding the sessions that GTP clients hold with an engine, to learn which of them it would break."""

from engines.gtp_check.clients import CLIENTS, check_engine
from engines.gtp_check.findings import ClientReport, Finding, Severity

__all__ = ["CLIENTS", "ClientReport", "Finding", "Severity", "check_engine"]
