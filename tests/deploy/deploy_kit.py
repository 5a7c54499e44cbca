"""What the image, the compose file and nginx promise, taken from the shipped files and run without a container engine."""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import requests
import yaml

from tests.kit.product import PROJECT
from tests.kit.rig import free_port

DEPLOY = PROJECT / "deploy"


def program(name: str, package: str) -> str:
    """Where a program is. Missing, it skips the test here and fails it on CI."""
    beside_python = Path(sys.executable).parent / name
    found = str(beside_python) if beside_python.exists() else shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed: {package}")
        pytest.skip(f"{name} is not installed here ({package}); on CI this fails")
    return found


# -- the image -----------------------------------------------------------------------------------------------------


class Image:
    """The last stage of the Dockerfile: what is copied into it, its environment and its commands."""

    def __init__(self) -> None:
        text = (PROJECT / "Dockerfile").read_text().replace("\\\n", " ")
        lines = [line for line in text.split("\nFROM ")[-1].splitlines() if not line.startswith("#")]
        self.instructions = [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines[1:] if line]
        self.environment = {
            name: value for given in self.all("ENV") for name, _, value in (pair.partition("=") for pair in given.split())
        }
        self.command: list[str] = json.loads(self.all("CMD")[0])
        self.health: list[str] = json.loads(self.all("HEALTHCHECK")[0].partition("CMD ")[2])

    def all(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.instructions if name == instruction]

    def copied(self) -> dict[str, str]:
        """What is taken from the project, and where below /app it goes."""
        sources = [rest.split() for rest in self.all("COPY") if not rest.startswith("--from=")]
        return {source: words[-1] for words in sources for source in words[:-1]}

    def unpack(self, app: Path) -> Path:
        """Makes /app as the Dockerfile does, in that directory."""
        for source, target in self.copied().items():
            here = PROJECT / source
            if here.is_dir():
                shutil.copytree(here, app / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (app / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(here, app / target)
        compileall.compile_dir(app, quiet=1)
        return app


def contained(app: Path, data_dir: Path, environment: Mapping[str, str], command: Sequence[str]) -> list[str]:
    """A command line that runs `command` as the image would: read-only files, /data and /tmp excepted, no rights, uid 10001,
    nothing of this machine's environment. The network is this machine's."""
    image = Image()
    interpreter = {Path(sys.prefix), Path(sys.base_prefix).resolve()}
    inherited = [f"{directory}/bin" for directory in (sys.prefix, sys.base_prefix)]
    line = [_bubblewrap(), "--unshare-user", "--unshare-pid", "--uid", "10001"]
    line += [
        "--gid",
        "10001",
        "--as-pid-1",
        "--die-with-parent",
        "--clearenv",
        "--tmpfs",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
    ]
    line += ["--tmpfs", "/tmp"]  # before the interpreter, which may stand below it
    for directory in ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64"):
        line += ["--ro-bind-try", directory, directory]
    for directory in sorted(map(str, interpreter)):
        line += ["--ro-bind", directory, directory]
    line += ["--bind", str(data_dir), "/data", "--ro-bind", str(app), "/app", "--chdir", "/app"]
    path = ":".join([*inherited, "/usr/bin", "/bin"])
    for name, value in {**image.environment, "HOME": "/data", **environment, "PATH": path}.items():
        line += ["--setenv", name, value]
    return [*line, "--remount-ro", "/", *command]


def _bubblewrap() -> str:
    found = program("bwrap", "apt-get install bubblewrap")
    trial = [found, "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "true"]
    if subprocess.run(trial, check=False, capture_output=True, timeout=10).returncode:
        pytest.skip("this kernel lets nobody make user namespaces: what a container would give cannot be tried here")
    return found


@contextmanager
def running(
    command: Sequence[str], output: Path, *, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to end with the block, as `docker stop` does, and does so within its time and in good order."""
    with output.open("ab") as sink:
        process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(_first_inside(process) if "--as-pid-1" in command else process.pid, signal.SIGTERM)
        try:
            code = process.wait(40)
        finally:
            process.kill()
            process.wait()
    assert code == 0, output.read_text(errors="replace")[-4000:]


def _first_inside(process: subprocess.Popen[bytes]) -> int:
    """The process that is number 1 in its own world, by its number in ours (Linux)."""
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])


def wait_for(address: str, output: Path, *, status: int = 200, within_s: float = 100.0) -> None:
    """Returns when that address answers so; fails with what the processes printed."""
    deadline_s = time.monotonic() + within_s
    seen: object = None
    while seen != status:
        assert time.monotonic() < deadline_s, f"{address} answers {seen}:\n{output.read_text(errors='replace')[-4000:]}"
        try:
            seen = requests.get(address, timeout=5).status_code
        except requests.RequestException as error:
            seen = type(error).__name__
        time.sleep(0.5)  # the front limits whoever asks more often


# -- compose -------------------------------------------------------------------------------------------------------


def compose(environment: Mapping[str, str], name: str = "compose.yaml") -> dict[str, Any]:
    """The compose file with its variables put in. A required one that is not given is a KeyError."""

    def value(match: re.Match[str]) -> str:
        variable, kind, rest = match.groups()
        given = environment.get(variable, "")
        if kind == ":?" and not given:
            raise KeyError(variable)
        return given or (rest if kind == ":-" else "")

    def filled_in(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled_in(inner) for key, inner in node.items()}
        if isinstance(node, list):
            return [filled_in(inner) for inner in node]
        return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, node) if isinstance(node, str) else node

    return dict(filled_in(yaml.safe_load((PROJECT / name).read_text())))


# -- nginx ---------------------------------------------------------------------------------------------------------


class Nginx:
    """Debian's nginx on the shipped files. Only the listening address and the name of the web container are replaced."""

    def __init__(self, directory: Path, web_port: int) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._binary = program("nginx", "apt-get install nginx-light")
        self._directory = directory
        self.output = directory / "output.txt"
        (directory / "run").mkdir(parents=True)
        (directory / "local").mkdir()
        for file in ("nginx.conf", "nginx-doors.conf"):
            shutil.copy(DEPLOY / file, directory)
        self.replace("nginx.conf", "listen 8080", f"listen 127.0.0.1:{self.port}")
        self.replace("nginx-doors.conf", "web:5000", f"127.0.0.1:{web_port}")

    def replace(self, file: str, shipped: str, here: str) -> None:
        path = self._directory / file
        text = path.read_text()
        assert text.count(shipped) == 1, f"{file} no longer says '{shipped}' once"
        path.write_text(text.replace(shipped, here))

    def command(self, *more: str) -> list[str]:
        """As in compose.yaml, on these files. Started by root, the working processes stay root to write here."""
        user = " user root;" if os.getuid() == 0 else ""
        settings = f"daemon off;{user}"
        return [
            self._binary, "-e", "stderr", "-p", f"{self._directory / 'run'}/", "-c", str(self._directory / "nginx.conf"),
            "-g", settings, *more,
        ]  # fmt: skip

    def logged(self) -> list[dict[str, Any]]:
        """The access log so far."""
        return [json.loads(line) for line in self.output.read_text().splitlines() if line.startswith("{")]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(running(self.command(), self.output))
            wait_for(f"{self.address}/nginx/alive", self.output, status=204)
            self._running = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._running.__exit__(kind, error, trace)
