"""The small part of Liquid that Chatwoot applies to outgoing messages."""

from __future__ import annotations

import re
from typing import Any

from .rails import present


class LiquidError(Exception):
    pass


def liquid(src: str, drops: dict) -> str:
    """Renders {{ object.attr }} with common filters, if/unless and {% raw %}; backtick spans stay. LiquidError for bad
    syntax, which the vendor answers by leaving the text as it is (R49)."""
    src = re.sub(r"`(.*?)`", lambda m: "{% raw %}`" + m.group(1) + "`{% endraw %}", src, flags=re.DOTALL)
    out, i = [], 0
    skip: list[bool] = []
    while i < len(src):
        m = re.search(r"\{\{|\{%", src[i:])
        if not m:
            out.append(src[i:] if not any(skip) else "")
            break
        if not any(skip):
            out.append(src[i : i + m.start()])
        i += m.start()
        if src.startswith("{%", i):
            e = src.find("%}", i)
            if e < 0:
                raise LiquidError("tag not terminated")
            tag = src[i + 2 : e].strip(" -")
            i = e + 2
            if tag == "raw":
                r = re.search(r"\{%-?\s*endraw\s*-?%\}", src[i:])
                if not r:
                    raise LiquidError("raw not closed")
                out.append(src[i : i + r.start()])
                i += r.end()
            elif tag.startswith(("if ", "unless ")):
                val = present(lookup(tag.split(None, 1)[1].split()[0], drops))
                skip.append(not val if tag.startswith("if ") else val)
            elif tag in ("endif", "endunless"):
                if not skip:
                    raise LiquidError("unexpected end")
                skip.pop()
            elif tag == "else" and skip:
                skip[-1] = not skip[-1]
            elif tag.startswith(("assign ", "comment", "endcomment")):
                pass
            else:
                raise LiquidError("unknown tag")
        else:
            e = src.find("}}", i)
            if e < 0:
                raise LiquidError("variable not terminated")
            if not any(skip):
                out.append(render_var(src[i + 2 : e], drops))
            i = e + 2
    if skip:
        raise LiquidError("block not closed")
    return "".join(out)


def lookup(path: str, drops: dict) -> Any:
    path = path.strip()
    if re.match(r"^(['\"]).*\1$", path):
        return path[1:-1]
    cur: Any = drops
    for p in path.split("."):
        cur = cur.get(p) if isinstance(cur, dict) else None
    return cur


def render_var(expr: str, drops: dict) -> str:
    parts = [p.strip() for p in expr.split("|")]
    v = lookup(parts[0], drops)
    for f in parts[1:]:
        n, _, a = f.partition(":")
        n = n.strip()
        if n == "default" and not present(v):
            v = lookup(a, drops)
        elif n in ("upcase", "downcase", "capitalize", "strip") and v is not None:
            v = {"upcase": str.upper, "downcase": str.lower, "capitalize": str.capitalize, "strip": str.strip}[n](str(v))
    return "" if v is None else str(v)
