"""Every bench runs, in a tiny mode, and prints the figures it promises. What they come to depends on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

QUANTILES = {"p50", "p95", "p99"}


def run_bench(name: str, root: Path) -> dict[str, Any]:
    """The JSON it prints last."""
    command = [sys.executable, "-m", f"bench.{name}", "--quick"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    printed = dict(json.loads(done.stdout.splitlines()[-1]))
    assert printed["bench"] == name
    return printed


@pytest.mark.parametrize("name", ["ingress", "turn"])
def test_a_ratio_against_the_floor_of_the_same_run(name: str, project_root: Path) -> None:
    printed = run_bench(name, project_root)
    assert printed["ratio"] > 0
    assert printed["target"] > 0


def test_calls_tells_what_names_cost_beside_positions(project_root: Path) -> None:
    scripts = run_bench("calls", project_root)["scripts"]
    assert set(scripts) == {"accept", "claim", "renew", "commit"}
    assert all(script["ratio"] > 0 and script["keys"] > 0 for script in scripts.values())


def test_end_to_end_tells_replies_waits_doors_and_costs(project_root: Path) -> None:
    printed = run_bench("end_to_end", project_root)
    assert {"cores", "load_average_before"} <= set(printed["machine"])
    assert [run["load"] for run in printed["runs"]] == ["all it takes", "half of that"]
    for run in printed["runs"]:
        assert run["replies_per_s"] > 0
        assert run["ratio"] == pytest.approx(run["replies_per_s"] / run["floor_per_s"])
        assert set(run["first_reply_ms"]) == set(run["door_ms"]) == QUANTILES
        assert set(run["cpu_ms_per_reply"]) == {"store", "web", "workers", "vendor and prospects"}
        assert run["first_reply_ms"]["p50"] >= run["delay_ms"], "the model's delay is part of it"
        assert (run["unanswered"], run["webhooks_refused"], run["sends_refused"]) == (0, 0, 0), "nobody is left without a reply"


def test_scale_tells_what_each_size_costs(project_root: Path) -> None:
    smallest, largest = run_bench("scale", project_root)["sizes"]
    assert smallest["conversations"] < largest["conversations"]
    for size in (smallest, largest):
        assert size["bytes_per_conversation"] > 1_000
        measured = {"accept", "turn", "one_conversation", "figures", "page", "page_of_a_stage"}
        assert set(size["median_ms"]) == set(size["ratio_to_smallest"]) == measured
    assert set(smallest["ratio_to_smallest"].values()) == {1.0}


def test_workers_tells_turns_and_replies_by_processes(project_root: Path) -> None:
    (run,) = run_bench("workers", project_root)["runs"]
    assert run["processes"] == 1
    assert run["turns_per_s"] > 0
    assert run["delivered_per_s"] > 0
    assert run["ratio_to_one"] == 1.0
    assert run["ratio"] > 0
