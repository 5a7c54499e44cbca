"""64 people at once with a language model that takes half a second to answer, and without one: `python -m bench.model`.

The real client asks the simulated server over HTTP in every turn that would ask a real one. People who think for a second
before they write show whether the doors notice; people who do not, how many questions a second come through: as many as there
are threads ÷ the delay, at most. `--quick` is for trying it out.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from bench import sale
from bench.end_to_end import THINK_S, Crowd
from bench.installation import Installation, machine
from tests.kit.rig import Rig

PEOPLE, THREADS, DELAY_S = 64, 32, 0.5
WORKERS = 2
TALKATIVE = ", eso es lo que te puedo contar por ahora"
"""A bare answer asks no model: the rules read it alone."""


def main(*, warm_up_s: float, measured_s: float) -> None:
    played = sale.play(sale.make_agent(), tail=TALKATIVE)
    loads = ((None, THINK_S), (DELAY_S, THINK_S), (DELAY_S, 0.0))
    runs = [_run(played, delay_s, think_s, warm_up_s, measured_s) for delay_s, think_s in loads]
    print(f"{'':32}{'replies/s':>10}{'questions/s':>13}{'bound':>7}  door ms p50/p95/p99   first reply ms p50/p95/p99   lost")
    for run in runs:
        door, waits = ("/".join(f"{value:.0f}" for value in run[part].values()) for part in ("door_ms", "first_reply_ms"))
        name = "no model" if run["delay_s"] is None else f"model {run['delay_s']:g} s"
        name += ", people think" if run["think_s"] else ", nobody thinks"
        print(
            f"{name:32}{run['replies_per_s']:>10.0f}{run['questions_per_s']:>13.0f}{run['bound_per_s'] or 0:>7.0f}  "
            f"{door:<22}{waits:<29}{run['unanswered']}"
        )
    print(json.dumps({"bench": "model", "machine": machine(), "runs": runs}, default=str))


def _run(played: Any, delay_s: float | None, think_s: float, warm_up_s: float, measured_s: float) -> dict[str, Any]:
    env = {"WORKER_THREADS": str(THREADS), "WHATSAPP_MESSAGES_PER_SECOND": "10000", "AGENT_STYLE": "model"}
    with Installation(env) as product, Crowd(product.address, played) as crowd, Rig(product.address) as rig:
        if delay_s is not None:
            rig.llm.config(latency=delay_s)
            daily = {"LLM_DAILY_TOKENS_PER_CONTACT": "100000000"}
            product.start_web({**crowd.env, **rig.env("llm"), **daily})
        else:
            product.start_web(crowd.env)
        product.start_workers(WORKERS)
        crowd.start(PEOPLE, think_s)
        time.sleep(warm_up_s)
        asked = rig.llm.state()["chat_calls"]
        crowd.tell("measure")
        time.sleep(measured_s)
        figures = crowd.tell("report")
        questions_per_s = (rig.llm.state()["chat_calls"] - asked) / measured_s
        bound = WORKERS * THREADS / delay_s if delay_s else None
        told = {"delay_s": delay_s, "think_s": think_s, "questions_per_s": questions_per_s, "bound_per_s": bound}
        return {**told, **figures, **crowd.tell("stop")}


if __name__ == "__main__":
    quick = "--quick" in sys.argv[1:]
    main(warm_up_s=1.0 if quick else 6.0, measured_s=2.0 if quick else 20.0)
