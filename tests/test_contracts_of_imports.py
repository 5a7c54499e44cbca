"""The rules on who may import whom, and who may read the environment or the clock, are checked, and the check bites."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.rig import PROJECT

CHECK = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config"]


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    """Checks the package in that directory."""
    return subprocess.run(
        [*CHECK, str(directory / "pyproject.toml")], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's modules without their data."""
    directory = tmp_path_factory.mktemp("copy")
    for module in (PROJECT / "src").rglob("*.py"):
        target = directory / module.relative_to(PROJECT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(module, target)
    shutil.copyfile(PROJECT / "pyproject.toml", directory / "pyproject.toml")
    return directory


def test_the_contracts_are_kept(copy: Path) -> None:
    checked = lint_imports(copy)
    assert checked.returncode == 0, checked.stdout
    assert "0 broken" in checked.stdout


# module that breaks the rule, what it imports, the contract that must notice
VIOLATIONS = [
    ("errors", "src.messages", "layers"),
    ("messages", "src.agent.state", "layers"),
    ("quoting/engine", "src.agent.state", "layers"),
    ("agent/state", "src.desk.ports", "layers"),
    ("desk/turns", "src.integrations.ledger.store", "layers"),
    ("integrations/ledger/redis_ledger", "src.settings", "layers"),
    ("agent/guardrails", "src.settings", "layers"),
    ("settings", "src.bootstrap", "layers"),
    ("logs", "src.settings", "layers"),
    ("bootstrap", "src.webhooks.security", "layers"),
    ("worker", "src.webhooks.security", "layers"),
    ("webhooks/security", "src.worker", "layers"),
    ("agent/thinking/reading", "src.agent.stages.questions", "agent"),
    ("agent/turn", "src.agent.facts", "agent"),
    ("agent/profile", "src.agent.state", "agent"),
    ("agent/state", "requests", "pure"),
    ("agent/guardrails", "logging", "pure"),
    ("quoting/engine", "redis", "pure"),
    ("desk/turns", "structlog", "pure"),
    ("desk/delivery", "socket", "pure"),
    ("messages", "flask", "pure"),
    ("errors", "subprocess", "pure"),
    ("worker", "src.integrations.ledger.redis_ledger", "port"),
    ("worker", "redis", "port"),
    ("integrations/twilio/client", "src.integrations.whatsapp.client", "vendors"),
    ("integrations/chatwoot/poll", "src.integrations.ledger.sightings", "vendors"),
    ("integrations/identity", "src.integrations.whatsapp.payloads", "vendors"),
]
TITLES = {
    "agent": "Within the agent no arrow points back",
    "layers": "A line imports the lines below it, never above",
    "pure": "The core is pure",
    "port": "Workers know the ledger by its port",
    "vendors": "Vendors do not know each other",
}


@pytest.mark.parametrize(("module", "imported", "contract"), VIOLATIONS, ids=str)
def test_a_planted_violation_is_noticed(copy: Path, module: str, imported: str, contract: str) -> None:
    path = copy / "src" / f"{module}.py"
    honest = path.read_text(encoding="utf-8")
    path.write_text(f"{honest}\nimport {imported}\n", encoding="utf-8")
    try:
        checked = lint_imports(copy)
    finally:
        path.write_text(honest, encoding="utf-8")
    assert checked.returncode == 1, checked.stdout
    [verdict] = [
        line for line in checked.stdout.splitlines() if line.startswith(TITLES[contract]) and line.endswith(("KEPT", "BROKEN"))
    ]
    assert verdict.endswith("BROKEN")


def test_a_new_module_must_find_its_place_among_the_layers(copy: Path) -> None:
    newcomer = copy / "src" / "newcomer.py"
    newcomer.write_text('"""Nobody said where this belongs."""\n', encoding="utf-8")
    try:
        assert lint_imports(copy).returncode == 1
    finally:
        newcomer.unlink()


def ruff(directory: Path, module: str, code: str) -> str:
    """What ruff, as configured here, says about that code in that module."""
    path = directory / "src" / module
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'"""A module."""\n\n{code}\n', encoding="utf-8")
    shutil.copyfile(PROJECT / "pyproject.toml", directory / "pyproject.toml")
    checked = subprocess.run(
        [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--output-format", "concise", str(path)],
        cwd=directory, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return checked.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import os\n\nHOME = os.environ['HOME']",
        "import os\n\nHOME = os.getenv('HOME')",
        "from os import environ\n\nHOME = environ['HOME']",
        "from os import getenv as read\n\nHOME = read('HOME')",
        "import time\n\nNOW_S = time.time()",
        "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)",
    ],
)
def test_only_settings_reads_the_environment_and_nobody_the_clock(tmp_path: Path, code: str) -> None:
    assert "TID251" in ruff(tmp_path, "desk/newcomer.py", code)


def test_settings_may_read_the_environment(tmp_path: Path) -> None:
    assert "TID251" not in ruff(tmp_path, "settings.py", "import os\n\nHOME = os.environ['HOME']")


def test_nobody_prints(tmp_path: Path) -> None:
    assert "T201" in ruff(tmp_path, "desk/newcomer.py", "print('hola')")
    assert "T201" not in ruff(tmp_path, "cli/newcomer.py", "print('hola')")


def started_by_the_doors(tmp_path: Path, code: str) -> None:
    """Runs that code in a process of its own, whose `door` is the web application's module; it exits with what is amiss."""
    started = subprocess.run(
        [sys.executable, "-c", f"import sys, src.webhooks.whatsapp_webhook as door\n{code}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert started.returncode == 0, started.stderr


def test_the_web_process_never_imports_the_graph(tmp_path: Path) -> None:
    """It costs seconds and memory, and the doors need nothing of it."""
    code = """
heavy = {"langgraph", "langchain_core", "langchain_openai", "openai", "numpy"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    started_by_the_doors(tmp_path, code)


def test_the_web_process_never_loads_what_was_learnt(tmp_path: Path) -> None:
    """Not even where an operator corrects a work, whose class is then looked up: that is in the list or left open."""
    code = """
opened = []
sys.addaudithook(lambda event, told: opened.append(str(told[0])) if event == "open" else None)
from datetime import UTC, datetime
from src.agent.corrections import correct
from src.agent.state import Conversation
from src.messages import Contact
now = datetime(2026, 11, 30, tzinfo=UTC)
person = Contact(key="whatsapp:34600000001", channel="whatsapp", phone="+34600000001", name="Ana")
for work in ("soldadora", "zurcidora de sombras"):
    before = Conversation(contact=person, created_at=now, updated_at=now)
    assert correct(before, {"occupation": work}, now, "by hand").profile["occupation"] == work
learnt = [name for name in opened if name.endswith("learnt.bin")]
sys.exit(f"loaded: {learnt}, numpy: {'numpy' in sys.modules}" if learnt or "numpy" in sys.modules else 0)
"""
    started_by_the_doors(tmp_path, code)


def test_the_names_by_which_installations_import_the_clients_stay() -> None:
    from src.integrations import chatwoot_client, whatsapp_client  # noqa: PLC0415
    from src.integrations.chatwoot.client import ChatwootClient  # noqa: PLC0415
    from src.integrations.whatsapp.client import WhatsAppClient  # noqa: PLC0415

    assert whatsapp_client.WhatsAppClient is WhatsAppClient
    assert chatwoot_client.ChatwootClient is ChatwootClient
