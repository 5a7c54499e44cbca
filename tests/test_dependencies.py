"""Libraries: none below the version that closes a known hole, each with its reason written down, all locked with hashes."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.kit.rig import PROJECT

FLOORS = {
    "flask": ("3.1.3", "CVE-2025-47278 key rotation, CVE-2026-27205 missing Vary: Cookie"),
    "gunicorn": ("22.0.0", "CVE-2024-1135, CVE-2024-6827 request smuggling"),
    "jinja2": ("3.1.6", "CVE-2025-27516 sandbox escape"),
    "langchain-core": ("1.2.11", "CVE-2025-68664 injection, CVE-2026-34070 path traversal, CVE-2026-26013 SSRF"),
    "langchain-openai": ("1.1.14", "CVE-2026-41488 SSRF by DNS rebinding"),
    "langgraph": ("1.0.10", "CVE-2026-28277 objects rebuilt from msgpack"),
    "langgraph-checkpoint": ("4.0.0", "CVE-2025-64439 code execution, CVE-2026-27794 pickle fallback"),
    "langgraph-checkpoint-sqlite": ("3.0.1", "CVE-2025-67644 SQL injection"),
    "requests": ("2.32.4", "CVE-2024-47081 credentials of .netrc, CVE-2024-35195 verify=False that sticks"),
    "urllib3": ("2.7.0", "CVE-2026-44432, CVE-2026-21441, CVE-2025-66471, CVE-2025-66418 decompression bombs"),
    "werkzeug": ("3.1.6", "CVE-2024-34069 debugger, CVE-2024-49767 multipart, CVE-2026-27199 device names"),
}
"""Below these a known hole is open; also for what is not used today, should somebody add it."""
OPTIONAL = {"langchain-openai", "langgraph-checkpoint-sqlite"}
COMES_WITH = {"limits": "flask-limiter"}
"""Imported by us, made by the same people, and released together with what requirements.in names."""
LOCKS = ("requirements.txt", "requirements-dev.txt")
ASKED_AND_LOCKED = [("requirements.in", LOCKS[0]), ("requirements-dev.in", LOCKS[1])]


def wanted(name: str) -> dict[str, Requirement]:
    """What a .in file asks for, by canonical name."""
    lines = (PROJECT / name).read_text(encoding="utf-8").splitlines()
    asked = [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-"))]
    return {canonicalize_name(requirement.name): requirement for requirement in asked}


def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """What a lock file pins, with the hashes of each."""
    joined = (PROJECT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    pins = [(entry.partition(" --hash=")[0], re.findall(r"--hash=(\S+)", entry)) for entry in entries if entry[0] != "-"]
    return [(Requirement(pin), hashes) for pin, hashes in pins]


def pins(name: str) -> dict[str, Version]:
    """The pinned version of each library; where platforms differ, the lowest."""
    found: dict[str, Version] = {}
    for requirement, _ in locked(name):
        [specifier] = requirement.specifier
        key, version = canonicalize_name(requirement.name), Version(specifier.version)
        found[key] = min(version, found.get(key, version))
    return found


# --- known holes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOORS)
def test_no_library_has_a_known_hole(name: str) -> None:
    floor, hole = FLOORS[name]
    try:
        here = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        assert name in OPTIONAL, f"{name} is not installed"
    else:
        assert Version(here) >= Version(floor), hole
    for lock in LOCKS:
        assert pins(lock).get(name, Version(floor)) >= Version(floor), f"{lock}: {hole}"


def test_what_is_asked_for_lets_no_known_hole_in() -> None:
    for name, requirement in wanted("requirements.in").items():
        if name in FLOORS:
            below = Version(f"{FLOORS[name][0]}.dev0")
            assert not requirement.specifier.contains(below, prereleases=True), f"{requirement}: {FLOORS[name][1]}"


# --- reasons ------------------------------------------------------------------------------------------------------------


def reasons() -> set[str]:
    """The libraries of the table in docs/dependencies.md."""
    rows = re.findall(r"^\| ([^|]+) \|", (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE)
    names = {name.strip() for row in rows for name in row.split(",")}
    return {canonicalize_name(Requirement(name).name) for name in names if not name.startswith("-")} - {"library"}


def test_every_library_has_its_reason_and_every_reason_its_library() -> None:
    assert reasons() == set(wanted("requirements.in"))


def test_every_library_for_tests_is_named() -> None:
    text = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    tests_only = text.partition("Test and build only:")[2].partition("\n\n")[0]
    parts = {name: name.removeprefix("pytest") for name in wanted("requirements-dev.in") if not name.startswith("types-")}
    assert {name for name, part in parts.items() if (part or name) not in tests_only} == set()


LOADED_IF_THERE = {"opentelemetry": "opentelemetry-exporter-otlp-proto-http"}
"""What is imported only where it was installed on purpose, and the library to install."""


def test_what_is_optional_is_named() -> None:
    text = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert all(library in text.partition("Optional, ")[2] for library in LOADED_IF_THERE.values())


def imported() -> Iterator[tuple[Path, str]]:
    """Every package that our code imports, with the file."""
    for path in (PROJECT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            for name in names:
                yield path.relative_to(PROJECT), name.partition(".")[0]


def test_what_is_imported_is_asked_for() -> None:
    provided = importlib.metadata.packages_distributions()
    asked = set(wanted("requirements.in"))
    missing = {}
    for path, package in imported():
        if package in ("src", *LOADED_IF_THERE) or package in sys.stdlib_module_names:
            continue
        names = {canonicalize_name(name) for name in provided.get(package, [package])}
        if not {COMES_WITH.get(name, name) for name in names} & asked:
            missing[package] = str(path)
    assert missing == {}


# --- the lock -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_locked_with_its_hashes(lock: str) -> None:
    entries = locked(lock)
    assert len(entries) > 30
    for requirement, hashes in entries:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement
    assert "://" not in (PROJECT / lock).read_text(encoding="utf-8"), "a lock names no place to fetch from"


@pytest.mark.parametrize(("asked", "lock"), ASKED_AND_LOCKED)
def test_the_lock_holds_what_is_asked_for(asked: str, lock: str) -> None:
    pinned = pins(lock)
    for name, requirement in wanted(asked).items():
        assert name in pinned, f"{name} is not locked: make lock"
        assert requirement.specifier.contains(pinned[name]), f"{requirement} and {pinned[name]}: make lock"


def test_tests_run_with_the_versions_that_are_shipped() -> None:
    shipped, tested = pins(LOCKS[0]), pins(LOCKS[1])
    assert {name: tested[name] for name in shipped.keys() & tested.keys() if tested[name] != shipped[name]} == {}


def applies(requirement: Requirement, extra: str = "") -> bool:
    """Whether a requirement is one on this platform, for who asked for that extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def needed(asked: str) -> Iterator[tuple[str, Requirement]]:
    """All that a .in file comes to here, as the installed libraries say themselves: who asks, and for what."""
    waiting = [(asked, requirement) for requirement in wanted(asked).values() if applies(requirement)]
    followed = set()
    while waiting:
        who, requirement = waiting.pop()
        yield who, requirement
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in followed:
                followed.add((name, extra))
                further = map(Requirement, importlib.metadata.requires(name) or [])
                waiting += [(name, one) for one in further if applies(one, extra)]


@pytest.mark.parametrize(("asked", "lock"), ASKED_AND_LOCKED)
def test_the_lock_leaves_nothing_to_resolve(asked: str, lock: str) -> None:
    here = {canonicalize_name(pin.name): pin for pin, _ in locked(lock) if applies(pin)}
    amiss = []
    for who, requirement in needed(asked):
        pin = here.get(canonicalize_name(requirement.name))
        if pin is None:
            amiss.append(f"{who} needs {requirement}, which is not locked")
            continue
        [version] = [one.version for one in pin.specifier]
        if not requirement.specifier.contains(version, prereleases=True):
            amiss.append(f"{who} needs {requirement}, and {version} is locked")
        if not requirement.extras <= pin.extras:
            amiss.append(f"{who} needs {requirement}, and {pin} is locked without it")
    assert not amiss, f"{lock}: make lock\n" + "\n".join(amiss)


INSTALLERS = ("Makefile", "Dockerfile")


def commands(name: str) -> list[str]:
    """What a file runs: a line for each command, however it was broken or joined."""
    whole = (PROJECT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [command for line in whole.splitlines() if not line.startswith("#") for command in line.split("&&")]


@pytest.mark.parametrize("name", INSTALLERS)
def test_what_is_locked_is_installed_and_nothing_else(name: str) -> None:
    pip = [command for command in commands(name) if re.search(r"\bpip\b.* (install|check)\b", command)]
    installs, checks = pip[::2], pip[1::2]
    assert installs
    assert len(installs) == len(checks)
    for install, check in zip(installs, checks, strict=True):
        assert re.search(r"pip .*install .*--no-deps --require-hashes -r requirements(-dev)?\.txt", install), install
        assert re.search(r"pip .*check *$", check), f"{check!r} follows {install!r}"


def test_nothing_else_installs() -> None:
    places = [PROJECT / ".ci" / "run", *(path for path in (PROJECT / "deploy").rglob("*") if path.is_file())]
    assert [place for place in places if re.search(r"pip3? .*install|uv (pip|sync)", place.read_text(encoding="utf-8"))] == []
