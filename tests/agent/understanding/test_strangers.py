"""What strangers wrote in whole conversations is understood: every line of strangers.txt, read as it was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.judging import Verdict
from src.agent.understanding import read
from training.corpus import Utterance, read_file

SAID = [*read_file(Path(__file__).with_name("strangers.txt"))]


@pytest.mark.parametrize("said", SAID, ids=lambda said: f"{said.awaiting or '-'}: {said.text[:40]}")
def test_a_stranger_is_understood(said: Utterance) -> None:
    verdict = Verdict()
    verdict.hear(said, read(said.text, said.context))
    [(_, faults)] = verdict.faults
    assert not faults
