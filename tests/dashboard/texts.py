"""Every text of the pages, found where it is used."""

from __future__ import annotations

import re
from pathlib import Path

import src.dashboard
from src.dashboard import frame, wording

DASHBOARD = Path(src.dashboard.__file__).parent
_SAID = re.compile(r"""\bt\(\s*(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')""")


def texts() -> set[str]:
    """What `t` is given anywhere: written at the place, or standing in a table."""
    found = {text for table in wording.TABLES for text in table.values()} | set(frame.NOTICES.values()) | {frame.NOT_FOUND}
    for path in DASHBOARD.rglob("*"):
        if path.suffix in (".py", ".html"):
            found |= {one or other for one, other in _SAID.findall(path.read_text(encoding="utf-8"))}
    return {text for text in found if text != "…"}
