"""What all Graph API calls share: tokens, versions, parameters, errors, faults."""

from __future__ import annotations

from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from tests.kit.simulators.faults import Fault
from tests.kit.simulators.simulator import jdumps, json_object

from .errors import GraphError, graph_body
from .statuses import MetaStatuses


class GraphApi(MetaStatuses):
    """The frame around every call."""

    def fault_response(self, f: Fault, request) -> web.Response:
        code = f.options.get("code")
        http = f.options.get("status")
        if code is None:
            code = {401: 190, 429: 4, 500: 131000, 503: 131016}.get(int(http or 500), 1)
        e = GraphError(int(code), f.options.get("details"), http=http, message=f.options.get("message"))
        if "body" in f.options:
            b = f.options["body"]
            return web.Response(
                body=b.encode() if isinstance(b, str) else jdumps(b),
                status=e.http,
                content_type=f.options.get("content_type", "application/json"),
            )
        return web.Response(
            body=jdumps(graph_body(e, self.rng)),
            status=e.http,
            content_type="application/json",
            headers=f.options.get("headers"),
        )

    def on_fault(self, f, request, facts):
        self.rejected.append(
            {
                "t": self.clock.now(),
                "fault": f.kind,
                "path": request.path,
                "facts": facts,
                "code": f.options.get("code"),
                "http": f.options.get("status"),
            }
        )

    def facts(self, request) -> dict:
        b = json_object(request._read_bytes)
        to = str(b.get("to") or b.get("recipient") or "").lstrip("+")
        return {"to": to, "type": b.get("type") or ("read" if b.get("status") else None)} if b else {}

    async def around(self, request, handler):
        try:
            resp = await handler(request)
        except GraphError as e:
            self.seq += 1
            self.rejected.append(
                {
                    "seq": self.seq,
                    "t": self.clock.now(),
                    "path": request.path,
                    "method": request.method,
                    "http": e.http,
                    "code": e.code,
                    "message": e.message,
                    "details": e.details,
                    "body": (request._read_bytes or b"")[:4000].decode("utf-8", "replace"),
                }
            )
            h = {}
            if e.code in (190, 104, 0):
                h["WWW-Authenticate"] = 'OAuth "Facebook Platform" "invalid_token" "{}"'.format(e.message.replace('"', "'"))
            resp = web.Response(body=jdumps(graph_body(e, self.rng)), status=e.http, content_type="application/json", headers=h)
        except web.HTTPMethodNotAllowed:
            unsupported = GraphError(100, message="Unsupported request method.", typ="GraphMethodException")
            resp = web.Response(body=jdumps(graph_body(unsupported, self.rng)), status=400, content_type="application/json")
        v = request.match_info.get("version") if request.match_info else None
        resp.headers["facebook-api-version"] = v or "v{:.1f}".format(self.cfg["latest_version"])
        return resp

    def auth(self, request) -> float:
        h = request.headers.get("Authorization", "")
        tok = (
            h[7:]
            if h[:7].lower() == "bearer "
            else h[6:]
            if h[:6].lower() == "oauth "
            else request.query.get("access_token", "")
        )
        if not tok:
            raise GraphError(190, message="An access token is required to request this resource.", http=401)
        if tok != self.cfg["token"]:
            raise GraphError(190, message="Invalid OAuth access token - Cannot parse access token", http=401)
        v = request.match_info.get("version")
        n = float(v[1:]) if v else self.cfg["latest_version"]
        if n > self.cfg["latest_version"]:
            raise GraphError(2500, message=f"Unknown path components: {request.path}", http=400)
        return n

    def wrong_node(self, node: str, method: str) -> GraphError:
        return GraphError(
            100,
            message=f"Unsupported {method} request. Object with ID '{node}' does not exist, cannot be loaded due to missing"
            " permissions, or does not support this operation. Please read the Graph API documentation at"
            " https://developers.facebook.com/docs/graph-api",
            typ="GraphMethodException",
            subcode=33,
        )

    @staticmethod
    async def params(request) -> dict:
        raw = await request.read()
        ct = request.headers.get("Content-Type", "")
        if ct.startswith("application/x-www-form-urlencoded"):
            out: dict = {}
            for k, v in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True):
                try:
                    out[k] = orjson.loads(v) if v[:1] in "{[" or v in ("true", "false") else v
                except ValueError:
                    out[k] = v
            return out
        return json_object(raw)  # the Graph API treats an unreadable body as no parameters

    async def h_unknown(self, request):
        raise GraphError(2500, message=f"Unknown path components: {request.path}", http=400)
