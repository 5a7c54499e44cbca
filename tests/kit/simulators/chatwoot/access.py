"""Who may do what: tokens, roles, visibility, and how a request is read."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from tests.kit.simulators.faults import Fault
from tests.kit.simulators.simulator import jdumps

from .rails import Http, NotUnique, not_found, unauthorized
from .records import Records

WHO: web.RequestKey[tuple] = web.RequestKey("who", tuple)  # (kind, row) of the token's owner
PARAMS: web.RequestKey[dict] = web.RequestKey("params", dict)
BOT_ACTIONS = {
    "conversations#show",
    "conversations#create",
    "conversations#update",
    "conversations#toggle_status",
    "conversations#toggle_typing_status",
    "conversations#toggle_priority",
    "conversations#custom_attributes",
    "messages#create",
    "assignments#create",
    "labels#index",
    "labels#create",
}


@dataclass(frozen=True)
class Call:
    """One API request: whose account, by whom (kind and row), with which parameters."""

    account_id: int
    who: tuple[str, dict]
    params: dict
    form: bool  # multipart or urlencoded, not JSON
    request: web.Request


class Access(Records):
    """The frame around every call."""

    def fault_response(self, f: Fault, request):
        st = int(f.options.get("status", 500))
        if st == 429:
            told = {"Retry-After": str(f.options["retry_after"])} if "retry_after" in f.options else {}
            return web.Response(status=429, text="Retry later\n", headers=told)
        return web.json_response(f.options.get("body", {"status": st, "error": "Internal Server Error"}), status=st)

    def on_fault(self, f, request, facts):
        self.seq += 1
        self.requests_log.append(
            {
                "seq": self.seq,
                "t": self.clock.now(),
                "method": request.method,
                "path": request.path,
                "status": "fault:" + f.kind,
                "who": None,
            }
        )

    def who(self, request) -> tuple[str, dict]:
        tok = request.headers.get("api_access_token") or request.headers.get("Api-Access-Token")
        if not tok:
            raise Http(401, {"errors": ["You need to sign in or sign up before continuing."]})
        for u in self.users.values():
            if u["token"] == tok:
                return "User", u
        for b in self.bots.values():
            if b["token"] == tok:
                return "AgentBot", b
        raise unauthorized("Invalid Access Token")  # R1

    def admit(self, w: tuple[str, dict], acc: int, action: str) -> None:
        if self.cfg["free_plan"] and self.since(4, 16):  # R80
            raise Http(403, {"error": "API access is not available on your current plan"})
        if w[0] == "AgentBot" and action not in BOT_ACTIONS:
            raise unauthorized("Access to this endpoint is not authorized for bots")  # R2
        if acc not in self.accounts:
            raise not_found()
        if w[0] == "User" and w[1]["account_id"] != acc:
            raise unauthorized("You are not authorized to access this account")
        if (
            w[0] == "AgentBot"
            and w[1]["account_id"] != acc
            and not any(i["bot_id"] == w[1]["id"] and i["account_id"] == acc for i in self.inboxes.values())
        ):
            raise unauthorized("Bot is not authorized to access this account")  # R3

    def throttled(self, request: web.Request, acc: int, path: str) -> bool:  # R10
        if not self.cfg["rack_attack"]:
            return False
        if self.limited(f"ip:{request.remote}", int(self.cfg["ip_limit_per_min"])):
            return True
        if request.method == "DELETE" and re.fullmatch(r"conversations/[^/]+", path):  # R79
            return self.limited(f"deletion:{acc}", int(self.cfg["deletion_limit_per_min"]))
        return path.startswith("contacts/search") and self.limited(f"search:{acc}", int(self.cfg["search_limit_per_min"]))

    def limited(self, key: str, cap: int) -> bool:
        now = time.monotonic()
        xs = [x for x in self.rate.get(key, []) if now - x < 60]
        xs.append(now)
        self.rate[key] = xs
        return len(xs) > cap

    async def around(self, request, handler):
        t0 = time.perf_counter()
        status = 500
        try:
            try:
                resp = await handler(request)
            except Http as e:
                resp = (
                    web.Response(status=e.status)
                    if e.body is None
                    else web.Response(body=jdumps(e.body), status=e.status, content_type="application/json")
                )
            except NotUnique:  # R25 elsewhere
                resp = web.json_response({"status": 500, "error": "Internal Server Error"}, status=500)
            status = resp.status
            return resp
        finally:
            self.seq += 1
            w = request.get(WHO)
            self.requests_log.append(
                {
                    "seq": self.seq,
                    "t": self.clock.now(),
                    "method": request.method,
                    "path": request.path,
                    "query": dict(request.query),
                    "status": status,
                    "who": f"{w[0]}:{w[1]['id']}" if w else None,
                    "ms": round((time.perf_counter() - t0) * 1000, 2),
                    **({"body": request.get(PARAMS)} if request.method != "GET" else {}),
                }
            )

    async def read_params(self, request) -> tuple[dict, bool]:
        """(params, is_form). JSON may be flat; forms need the root key (R11)."""
        ct = request.content_type
        if ct.startswith("multipart/") or ct == "application/x-www-form-urlencoded":
            post = await request.post()
            out: dict = {}
            for k, v in post.items():
                parts = re.findall(r"[^\[\]]+|\[\]", k)
                cur: Any = out
                for i, p in enumerate(parts):
                    last = i == len(parts) - 1
                    if p == "[]":
                        continue
                    nxt = parts[i + 1] if not last else None
                    if nxt == "[]" and i == len(parts) - 2:
                        cur.setdefault(p, []).append(v)
                        break
                    if last:
                        cur[p] = v
                    else:
                        cur = cur.setdefault(p, {})
            return out, True
        raw = await request.read()
        if not raw:
            return {}, False
        try:
            b = orjson.loads(raw)
        except ValueError:
            raise Http(400, {"status": 400, "error": "Bad Request"}) from None
        return (b if isinstance(b, dict) else {"_json": b}), False

    def root(self, p: dict, form: bool, key: str) -> dict:  # R11
        if isinstance(p.get(key), dict):
            return p[key]
        if form or not p:
            raise Http(422, {"error": f"param is missing or the value is empty: {key}"})
        return p

    def conv(self, acc: int, did: str, w) -> dict:
        c = self.by_display.get((acc, int(did))) if did.isdigit() else None
        if not c:
            raise not_found()
        self.may_see(c, w)
        return c

    def may_see(self, c: dict, w) -> None:  # R5
        if not self.visible(c, w):
            raise unauthorized()

    def visible(self, c: dict, w) -> bool:
        if w[0] == "AgentBot" or w[1]["role"] == "administrator":
            return True
        if w[1]["id"] in self.inboxes[c["inbox_id"]]["members"]:
            return True
        return bool(c["team_id"]) and w[1]["id"] in self.teams[c["team_id"]]["members"]

    def listed(self, c: dict, w) -> bool:
        """R71: lists go by membership of the inbox alone; a team shows a conversation only to who has its number."""
        return w[0] != "User" or w[1]["role"] == "administrator" or w[1]["id"] in self.inboxes[c["inbox_id"]]["members"]

    def admin(self, w) -> None:  # R6
        if w[0] != "User" or w[1]["role"] != "administrator":
            raise unauthorized()

    def inbox(self, acc: int, iid: Any, w) -> dict:
        try:
            ib = self.inboxes.get(int(iid))
        except (TypeError, ValueError):
            ib = None
        if not ib or ib["account_id"] != acc:
            raise not_found()
        if w[0] == "User" and w[1]["role"] != "administrator" and w[1]["id"] not in ib["members"]:
            raise unauthorized()
        return ib

    def contact(self, acc: int, cid: Any) -> dict:
        c = self.contacts.get(int(cid)) if str(cid).isdigit() else None
        if not c or c["account_id"] != acc:
            raise not_found()
        return c

    def find(self, table: dict, acc: int, oid: str) -> dict:
        o = table.get(int(oid)) if str(oid).isdigit() else None
        if not o or o["account_id"] != acc:
            raise not_found()
        return o

    @staticmethod
    def page(request) -> int:
        v = request.query.get("page", "1")
        return max(1, int(v) if v.isdigit() else 1)

    def with_ci(self, request) -> bool:
        v = request.query.get("include_contact_inboxes")
        return v == "true" if v else True

    @staticmethod
    def tag_list(v: Any) -> list[str]:
        if not isinstance(v, list):
            return []
        return list(dict.fromkeys(str(x).strip() for x in v if x is not None and str(x).strip()))
