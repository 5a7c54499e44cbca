"""What people of the brokerage type, made fit for WhatsApp: the one place where their words come in.

Editors write Markdown, WhatsApp has marks of its own: one star for bold, an underscore for italics, one tilde for what is
struck out. A mark holds within one line there, and only around whole words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from src.desk.crm import AgentSaid
from src.messages import Content, Template

_KEPT_FROM, _KEPT_TO, _BOLD, _ITALIC, _STRUCK = "\ue000\ue001\ue002\ue003\ue004"
_OURS = re.compile("[\ue000-\ue004]")
_FENCE = re.compile(r"(?m)^[ \t]*(```|~~~)[^\n]*\n(.*?)\n?[ \t]*\1[ \t]*$", re.DOTALL)
_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_HARD_BREAK = re.compile(r"(?:\\| {2,})\n")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_LINK = re.compile(
    r"!?\[([^\]\n]*)\]\(<?((?:https?://|mailto:|tel:)[^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+\"[^\"\n]*\")?\)"
)
_AUTOLINK = re.compile(r"<((?:https?://|mailto:|tel:)[^\s<>]+)>")
_ADDRESS = re.compile(r"https?://[^\s<>]*[^\s<>*_~.,;:!?)\]'\"]")
_HEADING = re.compile(r"(?m)^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$")
_BULLET = re.compile(r"(?m)^([ \t]*)[*+-][ \t]+(?=\S)")
_STRUCK_OUT = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~", re.DOTALL)
_STRONG_STARS = re.compile(r"\*\*(?=[^\s*]|\*[^\s*])(.+?)(?<=\S)\*\*(?!\*(?!\*))", re.DOTALL)
_STRONG_LINES = re.compile(r"(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)", re.DOTALL)
_EMPHASIS_STARS = re.compile(r"(?<!\*)\*(?=[^\s*])([^*]+?)(?<=\S)\*(?!\*)", re.DOTALL)
_EMPHASIS_LINES = re.compile(r"(?<![\w_])_(?=[^\s_])(.+?)(?<=[^\s_])_(?![\w_])", re.DOTALL)
_CAPTIONED = ("image", "video", "document")


def from_editor(text: str) -> str:
    """Markdown, as Chatwoot's editor writes it, in WhatsApp's marks."""
    return _converted(text, editor=True)


def from_typing(text: str) -> str:
    """What somebody typed into a plain field: WhatsApp's own marks hold, and what can only be Markdown becomes such marks."""
    return _converted(text, editor=False)


def contents_of(said: AgentSaid) -> Sequence[Content]:
    """What they wrote, as WhatsApp can say it: a template alone, or each file as a message, the words with the first one.

    `Content.reply_to` is left to who knows the vendor's ids.
    """
    if said.template is not None:
        return [Content(kind="template", template=msgspec.convert(said.template, Template))]
    files = [Content(kind=one.kind, link=one.url, filename=one.filename) for one in said.attachments]
    if not said.text:
        return files
    if files and files[0].kind in _CAPTIONED:
        return [msgspec.structs.replace(files[0], text=said.text), *files[1:]]
    return [Content(text=said.text), *files]


def _converted(text: str, *, editor: bool) -> str:
    kept: list[str] = []

    def keep(words: str) -> str:
        kept.append(words)
        return f"{_KEPT_FROM}{len(kept) - 1}{_KEPT_TO}"

    text = _OURS.sub("", text.replace("\r\n", "\n"))
    if editor:
        text = _FENCE.sub(lambda found: keep(f"```{found[2]}```"), text)
    text = _CODE.sub(lambda found: keep(found[0]), text)
    if editor:
        text = _HARD_BREAK.sub("\n", text)
        text = _ESCAPED.sub(lambda found: keep(found[1]), text)
        text = _AUTOLINK.sub(lambda found: keep(_bare(found[1])), text)
    text = _LINK.sub(lambda found: _linked(found[1], _bare(found[2]), keep), text)
    text = _ADDRESS.sub(lambda found: keep(found[0]), text)
    text = _HEADING.sub(lambda found: _marked(found[1].replace("**", ""), _BOLD), text)
    if editor:
        text = _BULLET.sub(r"\1- ", text)
    text = _around(_STRONG_STARS, _BOLD, text)
    text = _around(_STRUCK_OUT, _STRUCK, text)
    if editor:
        text = _around(_STRONG_LINES, _BOLD, text)
        text = _around(_EMPHASIS_STARS, _ITALIC, text)
        text = _around(_EMPHASIS_LINES, _ITALIC, text)
    text = text.replace(_BOLD, "*").replace(_ITALIC, "_").replace(_STRUCK, "~")
    while _KEPT_FROM in text:  # a link's words may hold something that was kept before
        text = re.sub(f"{_KEPT_FROM}([0-9]+){_KEPT_TO}", lambda found: kept[int(found[1])], text)
    return text


def _bare(address: str) -> str:
    return address.removeprefix("mailto:").removeprefix("tel:")


def _linked(words: str, address: str, keep: Callable[[str], str]) -> str:
    """The words and the address, or the address alone when it says the same."""
    said = words.strip()
    same = said.rstrip("/").removeprefix("https://").removeprefix("http://") == address.rstrip("/").removeprefix(
        "https://"
    ).removeprefix("http://")
    return keep(address) if same or not said else f"{said} ({keep(address)})"


def _around(pattern: re.Pattern[str], mark: str, text: str) -> str:
    """The marked words with WhatsApp's mark; without any inside a word, where WhatsApp would show the mark itself."""

    def replaced(found: re.Match[str]) -> str:
        before, after = text[: found.start()][-1:], text[found.end() :][:1]
        inside = before.isalnum() or after.isalnum()
        return found[1] if inside else _marked(found[1], mark)

    return pattern.sub(replaced, text)


def _marked(words: str, mark: str) -> str:
    return "\n".join(_marked_line(line, mark) for line in words.split("\n"))


def _marked_line(line: str, mark: str) -> str:
    inner = line.strip()
    if not inner:
        return line
    start = line.index(inner)
    return f"{line[:start]}{mark}{inner}{mark}{line[start + len(inner) :]}"
