"""The closed sets of words: statuses, types, events, and the forms that names and ids must have."""

from __future__ import annotations

import re

STATUS = ["open", "resolved", "pending", "snoozed"]
PRIORITY = ["low", "medium", "high", "urgent"]
MTYPE = {"incoming": 0, "outgoing": 1, "activity": 2, "template": 3}
CTYPES = [
    "text",
    "input_text",
    "input_textarea",
    "input_email",
    "input_select",
    "cards",
    "form",
    "article",
    "incoming_email",
    "input_csat",
    "integrations",
    "sticker",
    "voice_call",
]
MSTATUS = ["sent", "delivered", "read", "failed"]
WEBHOOK_EVENTS = [
    "conversation_status_changed",
    "conversation_updated",
    "conversation_created",
    "contact_created",
    "contact_updated",
    "message_created",
    "message_updated",
    "webwidget_triggered",
    "inbox_created",
    "inbox_updated",
    "conversation_typing_on",
    "conversation_typing_off",
]
DEFAULT_EVENTS = WEBHOOK_EVENTS[:8]
PHONE = re.compile(r"\+[1-9]\d{1,14}\Z")  # R12: anchored at the end only
EMAIL = re.compile(r"\A[^@\s]+@[^@\s]+\Z")
BSUID = r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}"
WA_SRC = re.compile(rf"\A(?:\d{{1,15}}|{BSUID})\Z")
TW_SRC = re.compile(rf"\A(?:whatsapp:\+\d{{1,15}}|whatsapp:{BSUID})\Z")
LABEL = re.compile(r"\A[^\W_]+[\w-]+\Z")  # letters and numbers of any script, then also _ and -
STANDARD_ATTRS = {
    "conversation_attribute": [
        "status",
        "priority",
        "assignee_id",
        "inbox_id",
        "team_id",
        "display_id",
        "campaign_id",
        "labels",
        "browser_language",
        "country_code",
        "referer",
        "created_at",
        "last_activity_at",
    ],
    "contact_attribute": [
        "name",
        "email",
        "phone_number",
        "identifier",
        "country_code",
        "city",
        "company_name",
        "created_at",
        "last_activity_at",
        "referer",
        "blocked",
    ],
    "company_attribute": [
        "name",
        "domain",
        "description",
        "contacts_count",
        "created_at",
        "updated_at",
        "last_activity_at",
    ],
}
ATTR_TYPES = ["text", "number", "currency", "percent", "link", "date", "list", "checkbox"]
ATTR_MODELS = ["conversation_attribute", "contact_attribute", "company_attribute"]
