"""What fits into one WhatsApp message, whoever carries it: texts in parts, options as they can be shown, words cut short.

Lengths are Meta's, counted in code points.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

from src.messages import Content, Option

TEXT_LIMIT, BUTTON_BODY, LIST_BODY, CAPTION = 4096, 1024, 4096, 1024

CAPTIONED = ("image", "video", "document")


def parts_of(content: Content) -> list[Content]:
    """`content` in as many messages as its text needs. Only the first quotes, only the last can be pressed or opened.

    A file comes first, with the beginning of its caption.
    """
    room = _room(content)
    text = content.text.strip()
    if room is None or len(text) <= room:
        return [content]
    if content.kind in CAPTIONED:
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
    if content.kind in CAPTIONED:
        return CAPTION
    if content.kind == "cta_url":
        return BUTTON_BODY
    if content.kind not in ("buttons", "list"):
        return None
    options = distinct(content.options)
    if content.kind == "buttons" and 0 < len(options) <= 3:
        return BUTTON_BODY
    return LIST_BODY if len(options) <= 10 else plain_room(content, numbered(options))


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


def cut(text: str, limit: int) -> str:
    """`text` if it fits, else its first words and an ellipsis."""
    text = text.strip()
    if len(text) <= limit:
        return text
    spaces = [match.start() for match in re.finditer(r"\s+", text[:limit]) if match.start() > limit // 2]
    end = spaces[-1] if spaces else _cluster_border(text, limit - 1)
    return text[:end].rstrip() + "…"


def plain_room(content: Content, ending: str) -> int:
    around = [part for part in (content.header.strip(), content.footer.strip(), ending) if part]
    return max(1, TEXT_LIMIT - sum(len(part) + 2 for part in around))


def numbered(options: list[Option]) -> str:
    return "\n".join(f"{number}. {in_full(option)}" for number, option in enumerate(options, 1))


def in_full(option: Option) -> str:
    return f"{option.title.strip()}: {option.description.strip()}" if option.description.strip() else option.title.strip()


def distinct(options: tuple[Option, ...]) -> list[Option]:
    """Options as Meta takes them: every id and every title there, no id twice."""
    kept: dict[str, Option] = {}
    for option in options:
        option_id = (option.id.strip() or option.title.strip())[:256].strip()
        if option_id:
            kept.setdefault(
                option_id, Option(id=option_id, title=option.title.strip() or option_id, description=option.description)
            )
    return list(kept.values())
