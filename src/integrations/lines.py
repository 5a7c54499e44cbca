"""The numbers of one house: which way a conversation goes, and whose key belongs to which line.

A way is a channel and a line: `whatsapp` and `twilio` are the first line, `whatsapp@ventas` another. Contact keys begin with it, so
that somebody who writes to two numbers has two conversations. Through Twilio's first number people keep the key they always had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from src.integrations.identity import CHANNEL, contact_key
from src.messages import Contact, Inbound


def on_line(inbound: Inbound, way: str) -> Inbound:
    """What came in on that way, with its contact's key and everybody's in it."""
    if "@" not in way:
        return inbound
    contact = msgspec.structs.replace(inbound.contact, key=moved(inbound.contact.key, way), channel=way)
    keys: Any = inbound.extra.get("new_keys")
    extra = {**inbound.extra, "new_keys": [moved(key, way) for key in keys]} if keys else inbound.extra
    return msgspec.structs.replace(inbound, contact=contact, extra=extra)


def moved(key: str, way: str) -> str:
    """The key of the same person on that way."""
    return f"{way}:{key.partition(':')[2]}"


def addresses_of(contact: Contact) -> Sequence[str]:
    """What follows the way in every key that the person may have."""
    known = [(contact.phone, None), (None, contact.bsuid)]
    keys = [contact_key(*one) for one in known if any(one)]
    return list(dict.fromkeys([contact.key.partition(":")[2], *(key.removeprefix(f"{CHANNEL}:") for key in keys)]))
