"""Our contents as Meta's messages: the request bodies of the Cloud API, and what does not fit, cut.

Facts are from Meta's "Messages" reference. Lengths are counted in code points. What is too long is cut at a word with an
ellipsis, and a choice that does not fit its form takes the next larger one: the person always gets the message.
`parts_of` comes before, so that nothing needs to be cut.
"""

from __future__ import annotations

import re
from typing import Any

from src.errors import Rejected, Unreachable
from src.integrations.parts import (
    BUTTON_BODY,
    CAPTION,
    CAPTIONED,
    LIST_BODY,
    TEXT_LIMIT,
    cut,
    distinct,
    in_full,
    numbered,
    plain_room,
)
from src.messages import Contact, Content, Option, Outbound, Template

VENDOR = "whatsapp"
_SMALL_TEXT = 60
_WEB_ADDRESS = re.compile(r"https?://[^\s]{1,2040}")


def payload_of(outbound: Outbound) -> dict[str, Any]:
    """The body of a send request. Raises Unreachable without an address and Rejected when there is nothing to send."""
    content = outbound.content
    payload: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(outbound.contact),
        **_message(content),
    }
    if content.reply_to and content.kind != "reaction":
        payload["context"] = {"message_id": content.reply_to}
    return payload


def _recipient(contact: Contact) -> dict[str, str]:
    if contact.phone:
        # Without the plus sign Meta may take the number for one of the business's own country.
        return {"to": f"+{contact.phone.lstrip('+')}"}
    if contact.bsuid:
        return {"recipient": contact.bsuid}
    raise Unreachable(VENDOR, "send", detail="neither a phone number nor a user id")


def _message(content: Content) -> dict[str, Any]:
    if content.kind == "template" and content.template:
        return {"type": "template", "template": _template(content.template)}
    if content.kind == "reaction" and content.reply_to:
        return {"type": "reaction", "reaction": {"message_id": content.reply_to, "emoji": content.emoji}}
    if content.kind in ("image", "audio", "video", "document", "sticker"):
        return {"type": content.kind, content.kind: _media(content)}
    if content.kind == "cta_url":
        return _link(content)
    if content.kind in ("buttons", "list") and content.text.strip():
        return _choice(content)
    if content.kind == "text" and content.text.strip():
        return _text(content.text)
    raise Rejected(VENDOR, "send", detail=f"nothing to send in a message of kind {content.kind}")


def _text(text: str, *, preview: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": {"body": cut(text, TEXT_LIMIT), "preview_url": preview}}


def _plain(content: Content, ending: str, *, preview: bool = False) -> dict[str, Any]:
    """The same message without its form. When it is too long the body gives way, not what one can choose or open."""
    parts = (content.header.strip(), cut(content.text, plain_room(content, ending)), content.footer.strip(), ending)
    return _text("\n\n".join(part for part in parts if part), preview=preview)


def _choice(content: Content) -> dict[str, Any]:
    options = distinct(content.options)
    if not options:
        return _plain(content, "")
    if content.kind == "buttons" and len(options) <= 3 and len(content.text) <= BUTTON_BODY:
        titles = _distinct_titles(options, 20)
        buttons = [
            {"type": "reply", "reply": {"id": option.id, "title": title}} for option, title in zip(options, titles, strict=True)
        ]
        return _interactive("button", content, BUTTON_BODY, {"buttons": buttons})
    if len(options) <= 10:
        action = {"button": cut(content.action.strip() or "Ver opciones", 20), "sections": [_section(options)]}
        return _interactive("list", content, LIST_BODY, action)
    return _plain(content, numbered(options))


def _section(options: list[Option]) -> dict[str, Any]:
    rows = []
    for option, title in zip(options, _distinct_titles(options, 24), strict=True):
        row = {"id": option.id[:200], "title": title}
        # A title that had to be cut is still told in full below it.
        description = option.description if title == option.title.strip() else in_full(option)
        if description.strip():
            row["description"] = cut(description.strip(), 72)
        rows.append(row)
    return {"rows": rows}


def _distinct_titles(options: list[Option], limit: int) -> list[str]:
    titles: list[str] = []
    for option in options:
        title = cut(option.title, limit)
        number = 1
        while title in titles:
            number += 1
            suffix = f" ({number})"
            title = cut(option.title, limit - len(suffix)) + suffix
        titles.append(title)
    return titles


def _interactive(form: str, content: Content, body_limit: int, action: dict[str, Any]) -> dict[str, Any]:
    interactive: dict[str, Any] = {"type": form, "body": {"text": cut(content.text, body_limit)}, "action": action}
    if content.header.strip():
        interactive["header"] = {"type": "text", "text": cut(" ".join(content.header.split()), _SMALL_TEXT)}
    if content.footer.strip():
        interactive["footer"] = {"text": cut(" ".join(content.footer.split()), _SMALL_TEXT)}
    return {"type": "interactive", "interactive": interactive}


def _link(content: Content) -> dict[str, Any]:
    if not _WEB_ADDRESS.fullmatch(content.link):
        raise Rejected(VENDOR, "send", detail="the link is no web address")
    if not content.text.strip() or len(content.text) > BUTTON_BODY or len(content.link) > 2000:
        return _plain(content, content.link, preview=True)
    label = cut(content.action.strip() or "Abrir", 20)
    action = {"name": "cta_url", "parameters": {"display_text": label, "url": content.link}}
    return _interactive("cta_url", content, BUTTON_BODY, action)


def _media(content: Content) -> dict[str, Any]:
    if bool(content.media_id) == bool(content.link):
        raise Rejected(VENDOR, "send", detail="a file needs an id or a link, and not both")
    if content.link and not _WEB_ADDRESS.fullmatch(content.link):
        raise Rejected(VENDOR, "send", detail="the link is no web address")
    media: dict[str, Any] = {"id": content.media_id} if content.media_id else {"link": content.link}
    if content.text.strip() and content.kind in CAPTIONED:
        media["caption"] = cut(content.text, CAPTION)
    if content.filename and content.kind == "document":
        media["filename"] = content.filename[:240]
    if content.kind == "audio" and content.mime_type.startswith("audio/ogg"):
        media["voice"] = True
    return media


def _template(template: Template) -> dict[str, Any]:
    return {
        "name": template.name,
        "language": {"code": template.language},
        "components": [_one_line_parameters(component) for component in template.components],
    }


def _one_line_parameters(component: dict[str, Any]) -> dict[str, Any]:
    """Meta refuses line breaks, tabs and runs of spaces in a template's text parameters."""
    parameters = component.get("parameters")
    if not isinstance(parameters, list | tuple):
        return component
    return component | {
        "parameters": [
            parameter | {"text": " ".join(parameter["text"].split())}
            if isinstance(parameter, dict) and isinstance(parameter.get("text"), str)
            else parameter
            for parameter in parameters
        ]
    }
