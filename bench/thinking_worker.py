"""The real worker with an agent that thinks for a while over every turn, as one with a language model would.

`python -m bench.thinking_worker DELAY_MS`. Everything else is `src.worker`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from src import worker
from src.agent import graph
from src.agent.state import Conversation, Step
from src.messages import Inbound


def main(delay_s: float) -> int:
    """Runs until SIGTERM."""

    class ThinkingAgent(graph.SalesAgent):
        def advance(self, conversation: Conversation, inbounds: Sequence[Inbound], now: datetime) -> Step:
            if delay_s:  # even no sleep at all would let other threads go first
                time.sleep(delay_s)
            return super().advance(conversation, inbounds, now)

    # The worker's composition root takes the agent from there by name.
    module: Any = graph
    module.SalesAgent = ThinkingAgent
    return worker.main()


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) / 1000))
