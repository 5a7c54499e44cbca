"""The numbers of one house: which way a conversation goes, and whose key belongs to which line.

A way is a channel and a line: `whatsapp` and `twilio` are the first line, `whatsapp@ventas` another. Contact keys begin with
it, so that somebody who writes to two numbers has two conversations. Through Twilio's first number people keep the key they
always had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from src.integrations.identity import CHANNEL, contact_key
from src.messages import Contact, Echo, Inbound, Receipt

Heard = TypeVar("Heard", Inbound, Echo)


def on_line(heard: Heard, way: str) -> Heard:
    """What came in on that way, with its contact's key and any other in it."""
    if "@" not in way:
        return heard
    contact = msgspec.structs.replace(heard.contact, key=moved(heard.contact.key, way), channel=way)
    if isinstance(heard, Inbound) and (keys := heard.extra.get("new_keys")):
        extra = {**heard.extra, "new_keys": [moved(key, way) for key in keys]}
        return msgspec.structs.replace(heard, contact=contact, extra=extra)
    return msgspec.structs.replace(heard, contact=contact)


def receipt_on_line(receipt: Receipt, way: str) -> Receipt:
    """What became of a message that went out on that way."""
    if "@" not in way or not receipt.opaque:
        return receipt
    contact, _, outbox_id = receipt.opaque.rpartition(" ")
    return msgspec.structs.replace(receipt, opaque=f"{moved(contact, way)} {outbox_id}")


def moved(key: str, way: str) -> str:
    """The key of the same person on that way."""
    return f"{way}:{key.partition(':')[2]}"


def addresses_of(contact: Contact) -> Sequence[str]:
    """What follows the way in every key that the person may have."""
    known = [(contact.phone, None), (None, contact.bsuid)]
    keys = [contact_key(*one) for one in known if any(one)]
    return list(dict.fromkeys([contact.key.partition(":")[2], *(key.removeprefix(f"{CHANNEL}:") for key in keys)]))
