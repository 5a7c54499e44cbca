"""What a test counts: sends per contact, duplicates in a turn, order, mirrored messages, LLM calls per turn."""

from __future__ import annotations

import re
from collections import Counter, defaultdict


def norm(s) -> str:
    return re.sub(r"\s+", " ", str(s or "")).strip().lower()


def sends(meta, twilio) -> list[dict]:
    rows = [("meta", e) for e in meta.ledger if e["kind"] == "message"] + [
        ("twilio", e) for e in twilio.ledger if e["kind"] == "message"
    ]
    rows.sort(key=lambda r: r[1]["t"])
    return [
        {
            "channel": ch,
            **{
                k: e.get(k)
                for k in (
                    "seq",
                    "t",
                    "contact",
                    "type",
                    "text",
                    "id",
                    "turn",
                    "inside_window",
                    "response",
                    "statuses",
                    "callback_data",
                    "wa_id",
                    "via",
                )
            },
        }
        for ch, e in rows
    ]


def inbounds(meta, twilio) -> list[dict]:
    rows = [("meta", e) for e in meta.inbound_log] + [("twilio", e) for e in twilio.inbound_log]
    rows.sort(key=lambda r: r[1]["t"])
    return [{"channel": ch, **{k: e.get(k) for k in ("seq", "t", "contact", "type", "body", "id", "turn")}} for ch, e in rows]


def match(left: list[str], right: list[str]) -> tuple[list[str], list[str], list[str]]:
    """(missing on the right, extra on the right, duplicated on the right). Exact first, then containment for the rest
    (a mirrored button message may carry its options as text)."""
    wanted, found = Counter(left), Counter(right)
    dup = [t for t, n in found.items() if n > max(1, wanted.get(t, 0)) and t in wanted]
    common = wanted & found
    missing, extra = list((wanted - common).elements()), list((found - common).elements())
    for t in list(missing):
        hit = next((r for r in extra if t and (t in r or (r and r in t))), None)
        if hit is not None:
            missing.remove(t)
            extra.remove(hit)
    return missing, extra, dup


def counters(meta, twilio, chatwoot, llm, contact: str | None = None) -> dict:
    contact = contact.lstrip("+") if contact else None
    out = [s for s in sends(meta, twilio) if not contact or s["contact"] == contact or s.get("wa_id") == contact]
    inn = [i for i in inbounds(meta, twilio) if not contact or i["contact"] == contact]
    per: dict = defaultdict(
        lambda: {
            "sends": 0,
            "inbound": 0,
            "duplicates": [],
            "order": [],
            "outside_window_freeform": 0,
            "turns": 0,
            "sends_per_turn": Counter(),
            "replies_without_inbound": 0,
            "read": 0,
            "typing": 0,
            "first_reply_s": [],
        }
    )
    seen: dict = defaultdict(list)
    first_in: dict = {}
    for i in inn:
        p = per[i["contact"]]
        p["inbound"] += 1
        p["turns"] = max(p["turns"], i["turn"])
        first_in[(i["contact"], i["turn"])] = i["t"]
    for s in out:
        p = per[s["contact"]]
        p["sends"] += 1
        p["sends_per_turn"][s["turn"]] += 1
        if s["turn"] == 0:
            p["replies_without_inbound"] += 1
        if s["type"] != "template" and not s["inside_window"]:
            p["outside_window_freeform"] += 1
        p["order"].append(
            {
                "seq": s["seq"],
                "t": s["t"],
                "channel": s["channel"],
                "type": s["type"],
                "text": (s["text"] or "")[:200],
                "id": s["id"],
                "turn": s["turn"],
                "response": s["response"],
            }
        )
        seen[(s["contact"], s["turn"], norm(s["text"]))].append(s["id"])
        k = (s["contact"], s["turn"])
        if k in first_in:
            p["first_reply_s"].append(round(s["t"] - first_in.pop(k), 4))
    for (c, turn, text), ids in seen.items():
        if len(ids) > 1:
            per[c]["duplicates"].append({"turn": turn, "text": text[:200], "count": len(ids), "ids": ids})
    for e in list(meta.ledger) + list(twilio.ledger):
        if e["kind"] in ("read", "typing") and e.get("contact") and (not contact or e["contact"] == contact):
            per[e["contact"]][e["kind"]] += 1
    # ---- mirror
    phones: dict = {}
    for c in chatwoot.contacts.values():
        if c["phone_number"]:
            phones.setdefault(re.sub(r"\D", "", c["phone_number"]), set()).add(c["id"])
        for v in (c["identifier"],):
            if v:
                phones.setdefault(re.sub(r"^wa:|^whatsapp:|\+", "", v), set()).add(c["id"])
    for ci in chatwoot.cis.values():
        phones.setdefault(re.sub(r"^wa:|^whatsapp:|\+", "", ci["source_id"]), set()).add(ci["contact_id"])
    mirror = {}
    for ct in list(per):
        aliases = {meta.contacts[ct].get("user_id"), meta.contacts[ct].get("wa_id")} - {None} if ct in meta.contacts else set()
        ids = set().union(*[phones.get(k, set()) for k in {ct} | aliases])
        convs = [c for c in chatwoot.convs.values() if c["contact_id"] in ids]
        cw_in, cw_out, cw_src = [], [], []
        for cv in convs:
            for m in chatwoot.conv_msgs(cv):
                if m["private"] or m["message_type"] == 2:
                    continue
                (cw_in if m["message_type"] == 0 else cw_out).append(norm(m["content"]))
                if m["source_id"]:
                    cw_src.append(m["source_id"])
        wa_out = [norm(s["text"]) for s in out if s["contact"] == ct and s["type"] != "reaction"]
        wa_in = [norm(i["body"]) for i in inn if i["contact"] == ct and norm(i["body"])]
        mo, xo, do = match(wa_out, cw_out)
        mi, xi, di = match(wa_in, [t for t in cw_in if t])
        mirror[ct] = {
            "contacts_in_chatwoot": len(ids),
            "conversations": len(convs),
            "wa_out": len(wa_out),
            "cw_out": len(cw_out),
            "wa_in": len(wa_in),
            "cw_in": len(cw_in),
            "missing_out": mo,
            "extra_out": xo,
            "duplicate_out": do,
            "missing_in": mi,
            "extra_in": xi,
            "duplicate_in": di,
            "duplicate_source_ids": [k for k, n in Counter(cw_src).items() if n > 1],
        }
    # ---- LLM: calls between one inbound and the next
    ins = sorted(i["t"] for i in inn)
    calls = [e for e in llm.ledger if e["path"].endswith("completions")]
    per_turn = []
    for k, t in enumerate(ins):
        end = ins[k + 1] if k + 1 < len(ins) else float("inf")
        xs = [e for e in calls if t <= e["t"] < end]
        per_turn.append(
            {
                "t": t,
                "calls": len(xs),
                "prompt_tokens": sum(e.get("prompt_tokens", 0) for e in xs),
                "completion_tokens": sum(e.get("completion_tokens", 0) for e in xs),
            }
        )
    convs = {
        c["display_id"]: dict(
            Counter(
                {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}[m["message_type"]]
                + ("_private" if m["private"] else "")
                for m in chatwoot.conv_msgs(c)
            )
        )
        for c in chatwoot.convs.values()
    }
    for p in per.values():
        p["sends_per_turn"] = dict(p["sends_per_turn"])
    return {
        "rig_errors": {s.name: s.errors for s in (meta, twilio, chatwoot, llm) if s.errors},
        "contacts": dict(per),
        "mirror": mirror,
        "messages_per_conversation": convs,
        "llm": {
            "calls": len(calls),
            "calls_before_first_inbound": sum(1 for e in calls if ins and e["t"] < ins[0]),
            "per_turn": per_turn,
            "prompt_tokens": sum(e.get("prompt_tokens", 0) for e in calls),
            "completion_tokens": sum(e.get("completion_tokens", 0) for e in calls),
        },
        "totals": {
            "sends": len(out),
            "inbound": len(inn),
            "duplicates": sum(d["count"] - 1 for p in per.values() for d in p["duplicates"]),
            "responses_lost": sum(1 for s in out if s["response"] != "ok"),
            "rejected_meta": len(meta.rejected),
            "rejected_twilio": len(twilio.rejected),
            "missing_mirror_out": sum(len(m["missing_out"]) for m in mirror.values()),
            "missing_mirror_in": sum(len(m["missing_in"]) for m in mirror.values()),
        },
    }
