"""What is skipped on CI without an allowed reason fails the run, however it was skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.rig import PROJECT
from tests.kit.skips import allowed

FINE = "def test_that_runs():\n    pass\n"
SKIPS = {
    "while it runs": "def test_it():\n    pytest.skip({reason!r})\n",
    "by a mark": "@pytest.mark.skip(reason={reason!r})\ndef test_it():\n    pass\n",
    "by a condition": "@pytest.mark.skipif(True, reason={reason!r})\ndef test_it():\n    pass\n",
    "by a fixture": "@pytest.fixture\ndef thing():\n    pytest.skip({reason!r})\n\ndef test_it(thing):\n    pass\n",
    "by a missing module": "def test_it():\n    pytest.importorskip('no_such_module', reason={reason!r})\n",
    "as a whole file": "pytest.skip({reason!r}, allow_module_level=True)\n",
}


def run(folder: Path, body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_made_up.py").write_text(f"import pytest\n\n{body}", encoding="utf-8")
    (folder / "test_fine.py").write_text(FINE, encoding="utf-8")
    rest = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.kit.skips", "-p", "no:cacheprovider", f"--rootdir={folder}", "."],
        cwd=folder,
        env={**rest, "PYTHONPATH": str(PROJECT), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("way", SKIPS)
def test_a_skip_that_nobody_allowed_fails_the_run_on_ci(way: str, tmp_path: Path) -> None:
    done = run(tmp_path, SKIPS[way].format(reason="the wind is wrong"), CI="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "test_made_up.py" in done.stdout
    assert "the wind is wrong" in done.stdout


def test_an_allowed_skip_and_an_expected_failure_are_no_failure(tmp_path: Path) -> None:
    [beginning, *_] = allowed()
    body = SKIPS["while it runs"].format(reason=f"{beginning}: so it is")
    done = run(tmp_path, f"{body}\n\n@pytest.mark.xfail(reason='known')\ndef test_known():\n    raise ValueError\n", CI="true")
    assert done.returncode == pytest.ExitCode.OK, done.stdout


def test_at_home_a_skip_is_a_skip(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPS["while it runs"].format(reason="the wind is wrong"))
    assert done.returncode == pytest.ExitCode.OK, done.stdout


def test_every_allowed_skip_says_why_and_is_still_there() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("*.py")]
    for beginning, why in allowed().items():
        assert len(why) > 20, f"{beginning}: why is that right?"
        assert any(beginning in text for text in texts), f"no test is skipped for {beginning!r} any more"
