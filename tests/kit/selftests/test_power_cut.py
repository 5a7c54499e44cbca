"""The power cut takes exactly what was not synced."""

import subprocess
import sys
from pathlib import Path

from tests.kit.power_cut import PowerCut

WRITER = """
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
os.write(fd, b"synced")
os.fdatasync(fd)
os.write(fd, b" lost")
"""


def test_unsynced_bytes_are_gone(tmp_path: Path) -> None:
    shim, log = PowerCut(tmp_path), tmp_path / "appendonly.aof.1.incr.aof"
    subprocess.run([sys.executable, "-c", WRITER, str(log)], env=shim.env(), check=True, timeout=30)
    assert log.read_bytes() == b"synced lost"
    assert shim.cut() == len(b" lost")
    assert log.read_bytes() == b"synced"


def test_other_files_are_not_watched(tmp_path: Path) -> None:
    shim = PowerCut(tmp_path)
    subprocess.run([sys.executable, "-c", WRITER, str(tmp_path / "dump.rdb")], env=shim.env(), check=True, timeout=30)
    assert not shim.marker.exists()
