"""Checks of single fields and of media objects, with the sentences that the Graph API answers."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from .errors import GraphError
from .state import MetaState

Json = dict[str, Any]


def bad(details: str, code: int = 131009) -> GraphError:
    return GraphError(code, details)


def missing(name: str) -> GraphError:
    return GraphError(131008, f"Required parameter {name} is missing")


def need_str(o: Json, key: str, path: str, shortest: int, longest: int, code: int = 131009) -> str:
    """Lengths are counted in code points."""
    v = may_str(o, key, path, shortest, longest, code)
    if v is None:
        raise missing(f"{path}['{key}']")
    return v


def may_str(o: Json, key: str, path: str, shortest: int, longest: int, code: int = 131009) -> str | None:
    v = o.get(key)
    if v is None:
        return None
    if not isinstance(v, str):
        raise GraphError(100, message=f"(#100) Param {path}['{key}'] must be a string.")
    if len(v) > longest and code == 100:
        raise GraphError(100, message=f"(#100) Param {path}['{key}'] must be at most {longest} characters long.")
    if not shortest <= len(v) <= longest or (shortest > 0 and not v.strip()):
        raise bad(f"{path}['{key}'] length invalid. Min length: {shortest}, Max length: {longest}", code)
    return v


def need_obj(o: Json, key: str, path: str) -> Json:
    v = may_obj(o, key, path)
    if v is None:
        raise missing(f"{path}{key}")
    return v


def may_obj(o: Json, key: str, path: str) -> Json | None:
    v = o.get(key)
    if v is not None and not isinstance(v, dict):
        raise GraphError(100, message=f"(#100) Param {path}{key} must be a JSON object.")
    return v


def only_keys(o: Json, allowed: Collection[str], path: str) -> None:
    for k in o:
        if k not in allowed:
            raise GraphError(100, message="(#100) Invalid parameter", details=f'Unexpected key "{k}" on param "{path}".')


def check_media(sim: MetaState, m: Json, kind: str, path: str) -> None:
    allowed = {"id", "link", "caption", "filename", "provider", "voice"}
    only_keys(m, allowed, path)
    has_id, has_link = m.get("id") not in (None, ""), m.get("link") not in (None, "")
    if has_id == has_link:
        raise GraphError(100, "Either id or link is required, and not both" if has_id else f"{path} must have id or link")
    if has_link and not re.match(r"^https?://", str(m["link"])):
        raise bad(f"{path}['link'] is not a valid URI.")
    if has_id and sim.cfg["check_media_ids"] and str(m["id"]) not in sim.media:
        raise bad(f"{path}['id'] is not a valid whatsapp business account media attachment ID")
    if "caption" in m:
        if kind in ("audio", "sticker"):
            raise GraphError(100, message="(#100) Invalid parameter", details=f'Unexpected key "caption" on param "{path}".')
        may_str(m, "caption", path, 0, 1024)
    if "filename" in m and kind != "document":
        raise GraphError(100, message="(#100) Invalid parameter", details=f'Unexpected key "filename" on param "{path}".')
    if "voice" in m and kind != "audio":
        raise GraphError(100, message="(#100) Invalid parameter", details=f'Unexpected key "voice" on param "{path}".')
