"""Our contents as Meta's messages: the request bodies of the Cloud API, and texts in parts that fit.

Facts are from Meta's "Messages" reference. Lengths are counted in code points. What is too long is cut at a word with an
ellipsis, and a choice that does not fit its form takes the next larger one: the person always gets the message. `parts_of`
comes before, so that nothing needs to be cut.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import msgspec

from src.errors import Rejected, Unreachable
from src.messages import Contact, Content, Option, Outbound, Template

VENDOR = "whatsapp"
TEXT_LIMIT = 4096

_BUTTON_BODY, _LIST_BODY, _SMALL_TEXT, _CAPTION = 1024, 4096, 60, 1024
_CAPTIONED = ("image", "video", "document")
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
    return {"type": "text", "text": {"body": _cut(text, TEXT_LIMIT), "preview_url": preview}}


def _plain(content: Content, ending: str, *, preview: bool = False) -> dict[str, Any]:
    """The same message without its form. When it is too long the body gives way, not what one can choose or open."""
    parts = (content.header.strip(), _cut(content.text, _plain_room(content, ending)), content.footer.strip(), ending)
    return _text("\n\n".join(part for part in parts if part), preview=preview)


def _plain_room(content: Content, ending: str) -> int:
    around = [part for part in (content.header.strip(), content.footer.strip(), ending) if part]
    return max(1, TEXT_LIMIT - sum(len(part) + 2 for part in around))


def _choice(content: Content) -> dict[str, Any]:
    options = _distinct(content.options)
    if not options:
        return _plain(content, "")
    if content.kind == "buttons" and len(options) <= 3 and len(content.text) <= _BUTTON_BODY:
        titles = _distinct_titles(options, 20)
        buttons = [
            {"type": "reply", "reply": {"id": option.id, "title": title}} for option, title in zip(options, titles, strict=True)
        ]
        return _interactive("button", content, _BUTTON_BODY, {"buttons": buttons})
    if len(options) <= 10:
        action = {"button": _cut(content.action.strip() or "Ver opciones", 20), "sections": [_section(options)]}
        return _interactive("list", content, _LIST_BODY, action)
    return _plain(content, _numbered(options))


def _numbered(options: list[Option]) -> str:
    return "\n".join(f"{number}. {_full(option)}" for number, option in enumerate(options, 1))


def _section(options: list[Option]) -> dict[str, Any]:
    rows = []
    for option, title in zip(options, _distinct_titles(options, 24), strict=True):
        row = {"id": option.id[:200], "title": title}
        # A title that had to be cut is still told in full below it.
        description = option.description if title == option.title.strip() else _full(option)
        if description.strip():
            row["description"] = _cut(description.strip(), 72)
        rows.append(row)
    return {"rows": rows}


def _full(option: Option) -> str:
    return f"{option.title.strip()}: {option.description.strip()}" if option.description.strip() else option.title.strip()


def _distinct(options: tuple[Option, ...]) -> list[Option]:
    """Options as Meta takes them: every id and every title there, no id twice."""
    kept: dict[str, Option] = {}
    for option in options:
        option_id = (option.id.strip() or option.title.strip())[:256].strip()
        if option_id:
            kept.setdefault(
                option_id, Option(id=option_id, title=option.title.strip() or option_id, description=option.description)
            )
    return list(kept.values())


def _distinct_titles(options: list[Option], limit: int) -> list[str]:
    titles: list[str] = []
    for option in options:
        title = _cut(option.title, limit)
        number = 1
        while title in titles:
            number += 1
            suffix = f" ({number})"
            title = _cut(option.title, limit - len(suffix)) + suffix
        titles.append(title)
    return titles


def _interactive(form: str, content: Content, body_limit: int, action: dict[str, Any]) -> dict[str, Any]:
    interactive: dict[str, Any] = {"type": form, "body": {"text": _cut(content.text, body_limit)}, "action": action}
    if content.header.strip():
        interactive["header"] = {"type": "text", "text": _cut(" ".join(content.header.split()), _SMALL_TEXT)}
    if content.footer.strip():
        interactive["footer"] = {"text": _cut(" ".join(content.footer.split()), _SMALL_TEXT)}
    return {"type": "interactive", "interactive": interactive}


def _link(content: Content) -> dict[str, Any]:
    if not _WEB_ADDRESS.fullmatch(content.link):
        raise Rejected(VENDOR, "send", detail="the link is no web address")
    if not content.text.strip() or len(content.text) > _BUTTON_BODY or len(content.link) > 2000:
        return _plain(content, content.link, preview=True)
    label = _cut(content.action.strip() or "Abrir", 20)
    action = {"name": "cta_url", "parameters": {"display_text": label, "url": content.link}}
    return _interactive("cta_url", content, _BUTTON_BODY, action)


def _media(content: Content) -> dict[str, Any]:
    if bool(content.media_id) == bool(content.link):
        raise Rejected(VENDOR, "send", detail="a file needs an id or a link, and not both")
    if content.link and not _WEB_ADDRESS.fullmatch(content.link):
        raise Rejected(VENDOR, "send", detail="the link is no web address")
    media: dict[str, Any] = {"id": content.media_id} if content.media_id else {"link": content.link}
    if content.text.strip() and content.kind in _CAPTIONED:
        media["caption"] = _cut(content.text, _CAPTION)
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


def parts_of(content: Content) -> list[Content]:
    """`content` in as many messages as its text needs. Only the first quotes, only the last can be pressed or opened.

    A file comes first, with the beginning of its caption.
    """
    room = _room(content)
    text = content.text.strip()
    if room is None or len(text) <= room:
        return [content]
    if content.kind in _CAPTIONED:
        caption = split_text(text, room)[0]
        rest = [Content(text=part) for part in split_text(text[len(caption) :])]
        return [msgspec.structs.replace(content, text=caption), *rest]
    ending = split_text(text, room)[-1]
    first, *more = split_text(text[: -len(ending)])
    return [
        Content(text=first, reply_to=content.reply_to),
        *(Content(text=part) for part in more),
        msgspec.structs.replace(content, text=ending, reply_to=""),
    ]


def _room(content: Content) -> int | None:
    """How long the text may be in the form that this content takes; None where it has no text."""
    if content.kind == "text":
        return TEXT_LIMIT
    if content.kind in _CAPTIONED:
        return _CAPTION
    if content.kind == "cta_url":
        return _BUTTON_BODY
    if content.kind not in ("buttons", "list"):
        return None
    options = _distinct(content.options)
    if content.kind == "buttons" and 0 < len(options) <= 3:
        return _BUTTON_BODY
    return _LIST_BODY if len(options) <= 10 else _plain_room(content, _numbered(options))


_BORDERS = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"'»”)]))\s+"),
    re.compile(r"\s+"),
)
_MARKS = "*_~`"


def split_text(text: str, limit: int = TEXT_LIMIT) -> list[str]:
    """`text` in parts of at most `limit` code points, in order; [] when there is nothing but space.

    Parts end at a paragraph, else at a line, a sentence, a word; not inside *bold* or another mark when that can be helped,
    and never inside an emoji. Only white space at the ends of parts is dropped.
    """
    parts = []
    rest = text.strip()
    while len(rest) > limit:
        end, start = _best_border(rest, limit)
        parts.append(rest[:end].rstrip())
        rest = rest[start:].lstrip()
    return [*parts, rest] if rest else parts


def _best_border(text: str, limit: int) -> tuple[int, int]:
    """Where the first part ends and where the next begins."""
    window = text[: limit + 1]
    fallback: tuple[int, int] | None = None
    for border in _BORDERS:
        # A part of a few words is worse than one that ends at a lesser border.
        found = [match for match in border.finditer(window) if limit // 4 < match.start() <= limit]
        for match in reversed(found):
            if not any(window.count(mark, 0, match.start()) % 2 for mark in _MARKS):
                return match.start(), match.end()
        if found and fallback is None:
            fallback = found[-1].start(), found[-1].end()
    if fallback:
        return fallback
    end = _cluster_border(text, limit)
    return end, end


def _cluster_border(text: str, limit: int) -> int:
    """The last place up to `limit` that is not inside an emoji or between a letter and its accents."""
    for end in range(limit, max(0, limit - 40), -1):
        if not _joins(text[end - 1], text[end]) and not _is_half_flag(text, end):
            return end
    return limit


def _joins(before: str, after: str) -> bool:
    joiner = "\u200d"
    modifier = "\ufe00" <= after <= "\ufe0f" or "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f"
    return before == joiner or after in (joiner, "\u20e3") or modifier or bool(unicodedata.combining(after))


def _is_half_flag(text: str, end: int) -> bool:
    """Flags are pairs of regional letters; an odd run before `end` means that the pair would be torn."""
    run = 0
    while end - run > 0 and "\U0001f1e6" <= text[end - run - 1] <= "\U0001f1ff":
        run += 1
    return run % 2 == 1 and "\U0001f1e6" <= text[end] <= "\U0001f1ff"


def _cut(text: str, limit: int) -> str:
    """`text` if it fits, else its first words and an ellipsis."""
    text = text.strip()
    if len(text) <= limit:
        return text
    spaces = [match.start() for match in re.finditer(r"\s+", text[:limit]) if match.start() > limit // 2]
    end = spaces[-1] if spaces else _cluster_border(text, limit - 1)
    return text[:end].rstrip() + "…"
