"""A simulated power cut: what a server had not yet synced to disk is taken away.

    shim = PowerCut(tmp_path)                     # skips the test where there is no gcc, or no Linux
    server = start_server(env={**os.environ, **shim.env()})
    …                                             # write, then kill -9
    shim.cut()                                    # the append-only file ends where the last fdatasync ended

A statically linked server cannot be watched: `cut` then fails for want of a marker.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("fdatasync_shim.c")


class PowerCut:
    """Builds the shim in a directory of its own; one per server."""

    def __init__(self, directory: Path) -> None:
        compiler = shutil.which("gcc")
        if sys.platform != "linux" or compiler is None:
            pytest.skip("the power cut needs Linux and gcc")
        self.library = directory / "fdatasync_shim.so"
        self.marker = directory / "last_fdatasync"
        command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", str(self.library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def env(self) -> dict[str, str]:
        """What to add to the server's environment."""
        return {"LD_PRELOAD": str(self.library), "FDATASYNC_MARKER": str(self.marker)}

    def cut(self) -> int:
        """Truncates the append-only file to what was synced; returns how many bytes were lost."""
        assert self.marker.exists(), "the server never synced its append-only file, or is statically linked"
        path, size = self.marker.read_text().rsplit(" ", 1)
        lost = Path(path).stat().st_size - int(size)
        os.truncate(path, int(size))
        return lost
