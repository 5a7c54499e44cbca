"""Media up- and download, and the nodes and edges of numbers and business accounts."""

from __future__ import annotations

from aiohttp import web

from tests.kit.simulators.simulator import ENTRY

from .errors import GraphError
from .graph import GraphApi

MIME_LIMITS = {
    "audio/aac": 16,
    "audio/amr": 16,
    "audio/mpeg": 16,
    "audio/mp4": 16,
    "audio/ogg": 16,
    "image/jpeg": 5,
    "image/png": 5,
    "video/mp4": 16,
    "video/3gpp": 16,
    "image/webp": 0.5,
    "text/plain": 100,
    "application/pdf": 100,
    "application/msword": 100,
    "application/vnd.ms-excel": 100,
    "application/vnd.ms-powerpoint": 100,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": 100,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": 100,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": 100,
}


class NodesApi(GraphApi):
    """Everything below `/<node id>` but messages and templates."""

    async def h_upload(self, request):
        self.auth(request)
        if request.match_info["node"] != self.cfg["phone_number_id"]:
            raise self.wrong_node(request.match_info["node"], "post")
        if not request.content_type.startswith("multipart/"):
            raise GraphError(100, message="(#100) The parameter file is required.")
        f = await request.post()
        if f.get("messaging_product") != "whatsapp":
            raise GraphError(100, message="(#100) The parameter messaging_product is required.")
        up = f.get("file")
        if up is None or isinstance(up, str):
            raise GraphError(100, message="(#100) The parameter file is required.")
        data = up.file.read()
        mime = (f.get("type") or up.content_type or "").strip()
        base = mime.split(";")[0].strip().lower()
        if base not in MIME_LIMITS:
            raise GraphError(
                100,
                message=f"(#100) Param file must be a file with one of the following types: {', '.join(MIME_LIMITS)}."
                f" Received file of type '{base}'.",
            )
        if len(data) > MIME_LIMITS[base] * 1024 * 1024 or not data:
            raise (
                GraphError(131053, f"File size invalid: {len(data)} bytes for {base}")
                if data
                else GraphError(131053, "File is empty")
            )
        mid = self.add_media(data, mime, 30)
        self.seq += 1
        e = {
            "seq": self.seq,
            "t": self.clock.now(),
            "kind": "upload",
            "id": mid,
            "mime_type": mime,
            "bytes": len(data),
            "response": "ok",
        }
        self.ledger.append(e)
        request[ENTRY] = e
        return web.json_response({"id": mid})

    async def h_download(self, request):
        h = request.headers.get("Authorization", "")
        if h != "Bearer " + self.cfg["token"]:
            return web.Response(status=401, body=b"")
        got = self.media_tokens.get(request.query.get("hash", ""))
        if not got or got[1] < self.clock.now() or got[0] not in self.media:
            return web.Response(status=404, body=b"")
        m = self.media[got[0]]
        return web.Response(body=m["data"], headers={"Content-Type": m["mime_type"]})

    async def h_node(self, request):
        self.auth(request)
        node, meth = request.match_info["node"], request.method
        if node in self.media:
            m = self.media[node]
            pn = request.query.get("phone_number_id")
            if m["expires"] < self.clock.now() or (pn and pn != self.cfg["phone_number_id"]):
                raise self.wrong_node(node, meth.lower())
            if meth == "DELETE":
                del self.media[node]
                return web.json_response({"success": True})
            return web.json_response(
                {
                    "messaging_product": "whatsapp",
                    "url": self.media_url(node),
                    "mime_type": m["mime_type"],
                    "sha256": m["sha256"],
                    "file_size": len(m["data"]),
                    "id": node,
                }
            )
        if meth == "GET" and node == self.cfg["phone_number_id"]:
            return web.json_response(
                {
                    "verified_name": "Rig",
                    "display_phone_number": self.cfg["display_phone_number"],
                    "quality_rating": "GREEN",
                    "code_verification_status": "VERIFIED",
                    "platform_type": "CLOUD_API",
                    "throughput": {"level": "STANDARD"},
                    "id": node,
                }
            )
        if meth == "GET" and node == self.cfg["waba_id"]:
            return web.json_response(
                {"id": node, "name": "Rig WABA", "timezone_id": "1", "message_template_namespace": "rig_namespace"}
            )
        tp = next((t for t in self.templates.values() if t["id"] == node), None)
        if tp and meth == "GET":
            return web.json_response(tp)
        raise self.wrong_node(node, meth.lower())

    async def h_edges(self, request):
        self.auth(request)
        node, edge = request.match_info["node"], request.match_info["edge"]
        if edge == "phone_numbers" and node == self.cfg["waba_id"]:
            return web.json_response(
                {
                    "data": [
                        {
                            "verified_name": "Rig",
                            "display_phone_number": self.cfg["display_phone_number"],
                            "id": self.cfg["phone_number_id"],
                            "quality_rating": "GREEN",
                        }
                    ],
                    "paging": {"cursors": {"before": "a", "after": "a"}},
                }
            )
        if edge == "subscribed_apps" and node == self.cfg["waba_id"]:
            if request.method == "GET":
                return web.json_response(
                    {"data": [{"whatsapp_business_api_data": {"id": "1", "name": "rig"}}] if self.subscribed else []}
                )
            self.subscribed = request.method == "POST"
            return web.json_response({"success": True})
        if edge == "whatsapp_business_profile" and node == self.cfg["phone_number_id"]:
            return web.json_response(
                {"data": [{"about": "Rig", "messaging_product": "whatsapp"}]} if request.method == "GET" else {"success": True}
            )
        if edge == "register" and node == self.cfg["phone_number_id"]:
            return web.json_response({"success": True})
        raise self.wrong_node(node, request.method.lower())
