"""A skip is a test that did not run. On CI each needs a reason that tests/allowed_skips.txt allows, or the run fails.

The two hooks at the end are pytest's; tests/conftest.py brings them in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

ALLOWED = Path(__file__).resolve().parents[1] / "allowed_skips.txt"
NOT_ALLOWED = pytest.StashKey[list[str]]()


def allowed() -> dict[str, str]:
    """How an allowed skip's reason begins, and why it is right."""
    found: dict[str, str] = {}
    beginning = ""
    for line in ALLOWED.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            found[beginning] = f"{found[beginning]} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            beginning = line
            found[beginning] = ""
    return found


def not_allowed(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """The skips among these that nobody allowed: which test, and the reason it gives."""
    beginnings = tuple(allowed())
    amiss = []
    for report in reports:
        told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = told.removeprefix("Skipped: ")
        if not reason.startswith(beginnings):
            amiss.append(f"{report.nodeid}: {reason}")
    return amiss


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    amiss = not_allowed(reporter.stats.get("skipped", []))
    session.config.stash[NOT_ALLOWED] = amiss
    if amiss and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    amiss = config.stash.get(NOT_ALLOWED, [])
    if amiss:
        terminalreporter.section("skipped, and tests/allowed_skips.txt does not allow it", red=True)
        for line in amiss:
            terminalreporter.line(line)
