"""langgraph.json: what it names is found the way LangGraph's own server loads it, by path and from anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.rig import PROJECT

CONFIG = json.loads((PROJECT / "langgraph.json").read_text(encoding="utf-8"))

LOADER = """
import importlib.util, sys
path, variable, *dependencies = sys.argv[1:]
sys.path[:0] = dependencies
spec = importlib.util.spec_from_file_location("graph_by_path", path)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
from langgraph.pregel import Pregel
graph = vars(module)[variable]
assert isinstance(graph, Pregel), type(graph)
print(graph.get_graph().draw_mermaid())
"""
"""The file runs by its path, as nobody's package; the path is what the configuration says and no more."""


@pytest.mark.parametrize("name", CONFIG["graphs"])
def test_the_graph_loads_and_draws_from_any_directory(name: str, tmp_path: Path) -> None:
    path, _, variable = CONFIG["graphs"][name].partition(":")
    dependencies = [str(PROJECT / one) for one in CONFIG["dependencies"]]
    command = [sys.executable, "-P", "-c", LOADER, str(PROJECT / path), variable, *dependencies]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    from src.agent.graph import graph  # noqa: PLC0415 - only once it loads by its path, which says more

    assert done.stdout.strip() == graph.get_graph().draw_mermaid().strip()
