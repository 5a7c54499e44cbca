"""The way of a sale as a drawing: the stages below each other, with the ways that the graph has between them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from src.agent.state import STAGES
from src.agent.ways import WAYS

WIDTH, HEIGHT = 420, 400
_BOX_W, _BOX_H, _STEP, _LEFT, _TOP = 196, 48, 80, 96, 8


class Box(msgspec.Struct, frozen=True):
    """One stage: where its box is."""

    code: str
    x: int
    y: int
    width: int
    height: int


class Line(msgspec.Struct, frozen=True):
    """One way from a stage to another, as the path of an SVG. `is_next`: to the one below."""

    begins: str
    ends: str
    path: str
    is_next: bool


def boxes() -> Sequence[Box]:
    """A box for each stage, in their order."""
    return [Box(stage, _LEFT, _TOP + place * _STEP, _BOX_W, _BOX_H) for place, stage in enumerate(STAGES)]


def lines() -> Sequence[Line]:
    """Every way between two stages: straight down to the next, bent around on the left or the right to any other."""
    drawn = []
    for begin, stage in enumerate(STAGES):
        for end, other in enumerate(STAGES):
            if other not in WAYS[stage]:
                continue
            if end == begin + 1:
                x = _LEFT + _BOX_W // 2
                path = f"M{x} {_bottom(begin) + 2}V{_bottom(begin) + _STEP - _BOX_H - 7}"
            else:
                x, out = (_LEFT, -1) if end < begin else (_LEFT + _BOX_W, 1)
                bend = x + out * (26 + 16 * abs(end - begin))
                here, there, near = _middle(begin) + out * 6, _middle(end) - out * 6, x + out * 6
                path = f"M{x} {here}C{bend} {here} {bend} {there} {near} {there}"
            drawn.append(Line(stage, other, path, end == begin + 1))
    return drawn


def _bottom(place: int) -> int:
    return _TOP + place * _STEP + _BOX_H


def _middle(place: int) -> int:
    return _TOP + place * _STEP + _BOX_H // 2
