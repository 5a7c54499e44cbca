"""What Meta refuses in buttons, lists, links, flows and the other interactive messages."""

from __future__ import annotations

import re

from .errors import GraphError
from .fields import Json, bad, check_media, may_obj, may_str, missing, need_obj, need_str, only_keys
from .state import MetaState

KINDS = (
    "button",
    "list",
    "cta_url",
    "flow",
    "product",
    "product_list",
    "catalog_message",
    "location_request_message",
    "address_message",
    "carousel",
    "request_contact_info",
    "call_permission_request",
    "order_details",
    "order_status",
    "voice_call",
)
NEED_BODY = (
    "button",
    "list",
    "cta_url",
    "flow",
    "location_request_message",
    "product_list",
    "catalog_message",
    "request_contact_info",
)
WEB_ADDRESS = re.compile(r"^https?://")


def check_interactive(sim: MetaState, message: Json) -> None:
    kind = message.get("type")
    if kind is None:
        raise missing("interactive['type']")
    if kind not in KINDS:
        raise bad(f"interactive['type'] must be one of {', '.join(KINDS)}")
    only_keys(message, {"type", "header", "body", "footer", "action"}, "interactive")
    body = (need_obj if kind in NEED_BODY else may_obj)(message, "body", "interactive.")
    if body is not None:
        only_keys(body, {"text"}, "interactive['body']")
        need_str(body, "text", "interactive['body']", 1, 4096 if kind == "list" else 1024)
    footer = may_obj(message, "footer", "interactive.")
    if footer is not None:
        only_keys(footer, {"text"}, "interactive['footer']")
        need_str(footer, "text", "interactive['footer']", 1, 60)
    header = may_obj(message, "header", "interactive.")
    if header is not None:
        check_header(sim, header, text_only=kind in ("list", "product_list"))
    action = need_obj(message, "action", "interactive.")
    if kind in ACTIONS:
        ACTIONS[kind](action)


def check_header(sim: MetaState, header: Json, text_only: bool) -> None:
    allowed = ("text",) if text_only else ("text", "image", "video", "document")
    kind = str(header.get("type"))
    if kind not in allowed:
        raise bad(f"interactive['header']['type'] must be one of {', '.join(allowed)}")
    if kind == "text":
        need_str(header, "text", "interactive['header']", 1, 60)
    else:
        check_media(sim, need_obj(header, kind, "interactive['header']"), kind, f"interactive['header']['{kind}']")


def check_buttons(action: Json) -> None:
    path = "interactive['action']['buttons']"
    only_keys(action, {"buttons"}, "interactive['action']")
    buttons = action.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise bad("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
    ids, titles = set(), set()
    for button in buttons:
        if not isinstance(button, dict) or button.get("type") != "reply" or not isinstance(button.get("reply"), dict):
            raise bad(f"{path} must be of type reply with a reply object")
        only_keys(button["reply"], {"id", "title"}, f"{path}['reply']")
        button_id = need_str(button["reply"], "id", "Button reply", 1, 256)
        title = need_str(button["reply"], "title", "Button", 1, 20)
        if button_id != button_id.strip():
            raise bad("Button id cannot have leading or trailing spaces")
        if button_id in ids:
            raise bad(f"Duplicated reply button id: {button_id}")
        if title in titles:
            raise bad(f"Duplicated reply button title: {title}")
        ids.add(button_id)
        titles.add(title)


def check_list(action: Json) -> None:
    path = "interactive['action']['sections']"
    only_keys(action, {"button", "sections"}, "interactive['action']")
    need_str(action, "button", "interactive['action']", 1, 20)
    sections = action.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10:
        raise bad("Invalid sections count. Min allowed sections: 1, Max allowed sections: 10")
    ids: set[str] = set()
    for section in sections:
        if not isinstance(section, dict):
            raise GraphError(100, "sections must hold objects")
        only_keys(section, {"title", "rows"}, path)
        (need_str if len(sections) > 1 else may_str)(section, "title", "Section", 1, 24)
        rows = section.get("rows")
        if not isinstance(rows, list) or not rows:
            raise bad("Section must have at least one row")
        for row in rows:
            if not isinstance(row, dict):
                raise GraphError(100, "rows must hold objects")
            only_keys(row, {"id", "title", "description"}, f"{path}['rows']")
            row_id = need_str(row, "id", "Row", 1, 200)
            need_str(row, "title", "Row", 1, 24)
            may_str(row, "description", "Row", 0, 72)
            if row_id in ids:
                raise bad(f"Duplicated row id: {row_id}")
            ids.add(row_id)
    if len(ids) > 10:
        raise bad(f"Total row count exceed max allowed count: 10. Current: {len(ids)}")


def check_link(action: Json) -> None:
    path = "interactive['action']['parameters']"
    need_name(action, "cta_url")
    parameters = need_obj(action, "parameters", "interactive['action'].")
    need_str(parameters, "display_text", path, 1, 20)
    if not WEB_ADDRESS.match(need_str(parameters, "url", path, 1, 2000)):
        raise bad(f"{path}['url'] is not a valid URI.")


def check_flow(action: Json) -> None:
    need_name(action, "flow")
    parameters = need_obj(action, "parameters", "interactive['action'].")
    if str(parameters.get("flow_message_version")) != "3":
        raise bad("flow_message_version must be 3")
    if bool(parameters.get("flow_id")) == bool(parameters.get("flow_name")):
        raise bad("exactly one of flow_id and flow_name is required")
    need_str(parameters, "flow_cta", "flow", 1, 30)
    if parameters.get("flow_action", "navigate") not in ("navigate", "data_exchange"):
        raise bad("flow_action must be navigate or data_exchange")


def check_location_request(action: Json) -> None:
    need_name(action, "send_location")


def need_name(action: Json, name: str) -> None:
    if action.get("name") != name:
        raise bad(f"interactive['action']['name'] must be {name}")


ACTIONS = {
    "button": check_buttons,
    "list": check_list,
    "cta_url": check_link,
    "flow": check_flow,
    "location_request_message": check_location_request,
}
