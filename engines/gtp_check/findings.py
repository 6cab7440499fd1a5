"""Findings of a check: a line of the conversation, and what the client makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """The weight of a finding for the client's user."""

    BREAKS = "BREAKS"
    """The client stops, hangs, plays a wrong game or loses it."""
    NOTICE = "NOTICE"
    """The client goes on, with less than it could do."""


@dataclass(frozen=True)
class Effect:
    """A client's reaction to a certain misbehaviour."""

    severity: Severity
    then: str
    """A clause whose subject is the client."""


def breaks(then: str) -> Effect:
    return Effect(Severity.BREAKS, then)


def notice(then: str) -> Effect:
    return Effect(Severity.NOTICE, then)


@dataclass(frozen=True)
class Finding:
    """One misbehaviour in one client's session."""

    severity: Severity
    sent: str
    """The command as it was written; empty where no command was to blame."""
    received: str
    """The engine's words, or a remark that it said nothing."""
    then: str
    """The client's reaction."""

    def as_dict(self) -> dict[str, str]:
        return {
            "severity": self.severity.value,
            "sent": self.sent,
            "received": self.received,
            "then": self.then,
        }


@dataclass(frozen=True)
class ClientReport:
    """All that one client's session found."""

    client: str
    title: str
    findings: tuple[Finding, ...]

    @property
    def breaks(self) -> bool:
        return any(finding.severity is Severity.BREAKS for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        findings = [finding.as_dict() for finding in self.findings]
        return {"client": self.client, "breaks": self.breaks, "findings": findings}
