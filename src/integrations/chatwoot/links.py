"""What Chatwoot shows to those who may see a conversation, and to nobody else: the link to its lead, among its attributes.

Chatwoot tells a page in its frame the attributes of the conversation that is open. So a link that is written there reaches
whom Chatwoot lets see the conversation, without our knowing who that is. No definition is made of the attribute: people are
not shown it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from src.integrations.chatwoot.api import ChatwootApi, NotThere
from src.integrations.chatwoot.events import NotForUs, key_of, whose_of

ATTRIBUTE = "iagente_link"
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


def show_link(api: ChatwootApi, conversation_id: str, link_of: Callable[[str], str | None]) -> bool:
    """Writes the link that `link_of` makes for the contact key of that conversation's person; False when there is none to make.

    Raises what the API raises.
    """
    if not _NUMBER.fullmatch(conversation_id):
        return False
    path = f"conversations/{conversation_id}"
    try:
        conversation = _object(api.call("conversation", "GET", path))
        # Whichever inbox it is in: people write to a brokerage in many ways.
        key = key_of(whose_of(conversation, conversation.get("inbox_id", 0)))
    except (NotThere, NotForUs):
        return False
    link = link_of(key) if key else None
    if link is None:
        return False
    attributes = {**_object(conversation.get("custom_attributes")), ATTRIBUTE: link}
    api.call("custom_attributes", "POST", f"{path}/custom_attributes", json={"custom_attributes": attributes})
    return True


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
