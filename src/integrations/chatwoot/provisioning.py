"""Sets up a Chatwoot account, from the inbox to the lead page in the sidebar; what is there already is adopted.

One webhook of the account tells us everything. The inbox's own `webhook_url` stays empty: it would tell each event once more,
tells nothing of contacts, and Chatwoot marks messages as failed when it cannot reach it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from src.desk.checks import SetupStep
from src.desk.lead import ATTRIBUTES, Attribute
from src.desk.lead_rules import Team
from src.desk.words import LABELS
from src.errors import AccessDenied, IntegrationError, TemporaryFailure
from src.integrations.chatwoot.api import VERSIONS_READ, ChatwootApi, version_numbers

INBOX_NAME = "WhatsApp (iAgente Vida)"
BOT_NAME = "iAgente Vida"
LEAD_PAGE_TITLE = "iAgente"
EVENTS = ("message_created", "message_updated", "conversation_status_changed", "conversation_updated", "contact_updated")
_REPLY_WINDOW = {
    "agent_reply_time_window": 24,
    "agent_reply_time_window_message": "WhatsApp solo deja escribir texto libre en las 24 horas después de su último mensaje."
    " Ahora solo puede salir una plantilla: elígela aquí.",
}
"""Hours, which is what WhatsApp allows, and what an agent reads when the editor is locked."""
TEMPLATES = "message_templates"
"""Where Chatwoot's template picker looks, among the additional attributes of an API inbox."""

Result = Literal["made", "changed", "unchanged", "failed"]


class Made(msgspec.Struct):
    """What the account holds for us now; 0 and "" for what could not be made or may not be read with this token."""

    inbox_id: int = 0
    bot_token: str = ""
    webhook_secrets: tuple[str, ...] = ()


class Provisioning:
    """Goes through the account once. Every step is tried, whatever became of those before it, and may be repeated.

    `inbox_id` is an inbox to adopt, 0 finds ours by its name or makes it. In agent-bot mode (`owns_line`) Chatwoot has the
    WhatsApp number: its inbox is given and left as it is. `webhook_url` is this program's door, "" where it has no address;
    `bot_token` that of a bot to adopt. `agents` are the e-mails of those who are to see the inbox: without any, all agents of
    the account, as long as nobody was chosen there. `templates` asks for the approved ones; None where they cannot be known.
    """

    def __init__(
        self,
        api: ChatwootApi,
        *,
        inbox_id: int,
        owns_line: bool,
        webhook_url: str,
        teams: Sequence[Team],
        lead_page_url: str = "",
        bot_token: str = "",
        agents: Sequence[str] = (),
        templates: Callable[[], list[dict[str, Any]]] | None = None,
    ) -> None:
        self._agents, self._templates = agents, templates
        self._api, self._inbox_id, self._owns_line = api, inbox_id, owns_line
        self._webhook_url, self._teams, self._lead_page_url = webhook_url, teams, lead_page_url
        self._bot_token, self._bot_id = bot_token, 0
        self.made = Made()

    def run(self, told: Callable[[SetupStep], None] = lambda _step: None) -> list[SetupStep]:
        """Every step in its order; each is told as soon as it is done. Without access only the first one is there."""
        steps: list[SetupStep] = []
        door = f"{self._webhook_url or 'PUBLIC_BASE_URL/webhook/chatwoot'} for {', '.join(EVENTS)}"
        plan = (
            ("access", self._access, "set CHATWOOT_BASE_URL, CHATWOOT_ACCOUNT_ID and an administrator's CHATWOOT_USER_TOKEN"),
            ("inbox", self._inbox, f"Settings > Inboxes: add an API channel '{INBOX_NAME}' and set CHATWOOT_WHATSAPP_INBOX_ID"),
            ("agent bot", self._bot, f"Settings > Bots: add '{BOT_NAME}' with an empty webhook URL and set CHATWOOT_BOT_TOKEN"),
            ("bot in inbox", self._link, f"Settings > Inboxes > the inbox > Bot configuration: choose '{BOT_NAME}'"),
            ("agents", self._members, "Settings > Inboxes > the inbox > Collaborators: add those who are to answer"),
            ("templates", self._show_templates, "set WHATSAPP_BUSINESS_ACCOUNT_ID and try again"),
            ("labels", self._labels, f"Settings > Labels: add {', '.join(label.title for label in LABELS)}"),
            ("attributes", self._attributes, "Settings > Custom attributes: add those of docs/chatwoot.md"),
            ("teams", self._make_teams, f"Settings > Teams: add {', '.join(team.name for team in self._teams)}"),
            ("webhook", self._webhook, f"Settings > Integrations > Webhooks: add {door} and set CHATWOOT_WEBHOOK_SECRET"),
            ("lead page", self._lead_page, "set PUBLIC_BASE_URL and try again"),
        )  # fmt: skip
        for name, work, by_hand in plan:
            try:
                result, detail = work()
                step = SetupStep(name, result, detail, by_hand if result == "failed" else "")
            except AccessDenied as fault:
                step = SetupStep(name, "failed", f"this token may not do it ({fault})", by_hand)
            except TemporaryFailure as fault:
                step = SetupStep(name, "failed", str(fault), "try again when Chatwoot answers")
            except IntegrationError as fault:
                step = SetupStep(name, "failed", str(fault), by_hand)
            steps.append(step)
            told(step)
            if name == "access" and step.result == "failed":
                break
        return steps

    def _access(self) -> tuple[Result, str]:
        version = str(_object(self._get("/api")).get("version", ""))
        oldest, newest = VERSIONS_READ
        if version_numbers(version) < oldest:
            return (
                "failed",
                f"Chatwoot {version[:20] or 'of no known version'}: at least {'.'.join(map(str, oldest))} is needed",
            )
        accounts = _objects(_object(self._get("/api/v1/profile")).get("accounts"))
        role = next((str(one.get("role")) for one in accounts if one.get("id") == self._api.account_id), "")
        if not role:
            return "failed", f"the user is no member of account {self._api.account_id}"
        unread = f" (changes after {'.'.join(map(str, newest))} were not read)" if version_numbers(version) > newest else ""
        return "unchanged", f"Chatwoot {version[:20]}{unread}, {role[:20]}"

    def _inbox(self) -> tuple[Result, str]:
        if self._owns_line and not self._inbox_id:
            return "failed", "in agent-bot mode CHATWOOT_WHATSAPP_INBOX_ID names the WhatsApp inbox"
        if self._inbox_id:
            inbox = _object(self._get(f"inboxes/{self._inbox_id}"))
        else:
            ours = [
                one
                for one in _objects(_object(self._get("inboxes")).get("payload"))
                if one.get("name") == INBOX_NAME and one.get("channel_type") == "Channel::Api"
            ]
            if not ours:
                channel = {"type": "api", "webhook_url": "", "additional_attributes": _REPLY_WINDOW}
                wanted = {"name": INBOX_NAME, "lock_to_single_conversation": True, "channel": channel}
                inbox = _object(self._api.call("provision", "POST", "inboxes", json=wanted))
                self.made.inbox_id = _id(inbox)
                return "made", f"number {self.made.inbox_id}"
            inbox = min(ours, key=_id)
        if not self._owns_line and inbox.get("channel_type") != "Channel::Api":
            return "failed", "the inbox is no API channel"
        self.made.inbox_id = _id(inbox)
        return self._corrected(inbox)

    def _corrected(self, inbox: dict[str, Any]) -> tuple[Result, str]:
        """Takes our own address out of the inbox, where it would double every event, and sets the reply window."""
        number = f"number {_id(inbox)}"
        if self._owns_line:
            return "unchanged", number
        changes: dict[str, Any] = {}
        if self._webhook_url and inbox.get("webhook_url") == self._webhook_url:
            changes["webhook_url"] = ""
        attributes = _object(inbox.get("additional_attributes"))
        if attributes | _REPLY_WINDOW != attributes:
            changes["additional_attributes"] = attributes | _REPLY_WINDOW
        if not changes:
            return "unchanged", number
        self._api.call("provision", "PATCH", f"inboxes/{_id(inbox)}", json={"channel": changes})
        return "changed", f"{number}: {', '.join(changes)}"

    def _bot(self) -> tuple[Result, str]:
        there = _objects(self._get("agent_bots"))
        given = [bot for bot in there if self._bot_token and _text(bot.get("access_token")) == self._bot_token]
        bots = given or [bot for bot in there if bot.get("name") == BOT_NAME]
        address = self._webhook_url if self._owns_line else ""
        wanted = {"name": BOT_NAME, "description": "Asistente de seguros de vida", "outgoing_url": address}
        bot = min(bots, key=_id) if bots else _object(self._api.call("provision", "POST", "agent_bots", json=wanted))
        result: Result = "unchanged" if bots else "made"
        if address and bot.get("outgoing_url") != address:
            # Chatwoot tells a bot's address three times what it tells a webhook once: here what people write hangs on it.
            bot = _object(self._api.call("provision", "PATCH", f"agent_bots/{_id(bot)}", json={"outgoing_url": address}))
            result = "changed"
        self._bot_id, self.made.bot_token = _id(bot), _text(bot.get("access_token"))
        if self._owns_line:
            self._keep_secret(bot)
        if self._owns_line and not address:
            return "failed", "PUBLIC_BASE_URL is not set, so Chatwoot would not know where to tell what people write"
        return result, f"number {self._bot_id}"

    def _keep_secret(self, teller: dict[str, Any]) -> None:
        """What it signs with, among what our door accepts."""
        if secret := _text(teller.get("secret")):
            self.made.webhook_secrets = tuple(dict.fromkeys((*self.made.webhook_secrets, secret)))

    def _link(self) -> tuple[Result, str]:
        if not self.made.inbox_id or not self._bot_id:
            return "failed", "there is no inbox or no bot to connect"
        path = f"inboxes/{self.made.inbox_id}"
        linked = _object(_object(self._get(f"{path}/agent_bot")).get("agent_bot")).get("id")
        if linked == self._bot_id:
            return "unchanged", ""
        if linked:
            return "failed", "another bot is connected to the inbox, and stays"
        self._api.call("provision", "POST", f"{path}/set_agent_bot", json={"agent_bot": self._bot_id})
        return "made", ""

    def _members(self) -> tuple[Result, str]:
        """Agents have in their lists what comes in through inboxes they are members of, and nothing else."""
        if not self.made.inbox_id:
            return "failed", "there is no inbox that anybody could see"
        there = {_id(one) for one in _objects(_object(self._get(f"inbox_members/{self.made.inbox_id}")).get("payload"))}
        everybody = _objects(self._get("agents"))
        sellers = [one for one in everybody if one.get("role") == "agent"] or everybody
        if self._agents:
            known = {_text(one.get("email")).casefold(): one for one in everybody}
            unknown = [email for email in self._agents if email.casefold() not in known]
            if unknown:
                return "failed", f"{len(unknown)} of CHATWOOT_AGENTS are no agents of this account"
            wanted = [known[email.casefold()] for email in self._agents]
        else:
            wanted = [] if there else sellers
        missing = [_id(one) for one in wanted if _id(one) not in there]
        if missing:
            members = {"inbox_id": self.made.inbox_id, "user_ids": missing}
            self._api.call("provision", "POST", "inbox_members", json=members)
        see = len(there) + len(missing)
        if not see:
            return "failed", "the inbox has no members, and the account no agents: only administrators see it"
        outside = sum(_id(one) not in there and _id(one) not in missing for one in sellers)
        others = (
            f"; {outside} agents of the account are not (name them in CHATWOOT_AGENTS, or add them there)" if outside else ""
        )
        return ("changed" if missing else "unchanged"), f"{see} see the conversations{others}"

    def _show_templates(self) -> tuple[Result, str]:
        if self._owns_line:
            return "unchanged", "Chatwoot fetches them itself"
        if self._templates is None:
            return "failed", "they cannot be asked for, so outside the 24 hours nobody can write"
        if not self.made.inbox_id:
            return "failed", "there is no inbox to show them in"
        changed, number = show_templates(self._api, self.made.inbox_id, self._templates())
        return ("changed" if changed else "unchanged"), f"{number} can be chosen outside the 24 hours"

    def _labels(self) -> tuple[Result, str]:
        there = {one.get("title") for one in _objects(_object(self._get("labels")).get("payload"))}
        missing = [
            {"title": label.title, "description": label.description, "color": label.colour, "show_on_sidebar": True}
            for label in LABELS
            if label.title not in there
        ]
        return self._add("labels", missing, len(LABELS))

    def _attributes(self) -> tuple[Result, str]:
        path = "custom_attribute_definitions"
        there = {(one.get("attribute_key"), one.get("attribute_model")) for one in _objects(self._get(path))}
        wanted = [_definition(attribute) for attribute in ATTRIBUTES]
        missing = [one for one in wanted if (one["attribute_key"], one["attribute_model"]) not in there]
        return self._add(path, missing, len(wanted))

    def _make_teams(self) -> tuple[Result, str]:
        there = {one.get("name") for one in _objects(self._get("teams"))}
        wanted = [{"name": team.name.casefold(), "description": team.description} for team in self._teams]
        return self._add("teams", [one for one in wanted if one["name"] not in there], len(wanted))

    def _add(self, path: str, missing: list[dict[str, Any]], of: int) -> tuple[Result, str]:
        for one in missing:
            self._api.call("provision", "POST", path, json=one)
        return ("made", f"{len(missing)} of {of} added") if missing else ("unchanged", f"{of} there")

    def _webhook(self) -> tuple[Result, str]:
        if not self._webhook_url:
            return "failed", "PUBLIC_BASE_URL is not set, so Chatwoot would not know where to knock"
        hooks = _objects(_object(_object(self._get("webhooks")).get("payload")).get("webhooks"))
        hook = next((one for one in hooks if one.get("url") == self._webhook_url), None)
        wanted = {"url": self._webhook_url, "subscriptions": list(EVENTS)}
        if hook and set(EVENTS) <= set(map(str, hook.get("subscriptions") or ())):
            result: Result = "unchanged"
        elif hook:
            wanted["subscriptions"] = sorted({*EVENTS, *map(str, hook.get("subscriptions") or ())})
            self._api.call("provision", "PATCH", f"webhooks/{_id(hook)}", json=wanted)
            result = "changed"
        else:
            answer = _object(self._api.call("provision", "POST", "webhooks", json=wanted))
            hook = _object(_object(answer.get("payload")).get("webhook"))
            result = "made"
        self._keep_secret(hook)
        private = ": a private address, which Chatwoot tells nothing unless it runs with SAFE_FETCH_ALLOW_PRIVATE_NETWORK=true"
        return result, self._webhook_url + (private if _is_private(self._webhook_url) else "")

    def _lead_page(self) -> tuple[Result, str]:
        """The page in the conversation's sidebar. Its address bears a proof, so it is not shown."""
        if not self._lead_page_url:
            return "failed", "PUBLIC_BASE_URL is not set, so Chatwoot would not know what to show"
        content = [{"type": "frame", "url": self._lead_page_url}]
        apps = _objects(self._get("dashboard_apps"))
        ours = next((one for one in apps if one.get("title") == LEAD_PAGE_TITLE), None)
        wanted = {"title": LEAD_PAGE_TITLE, "content": content}
        if ours is None:
            self._api.call("provision", "POST", "dashboard_apps", json=wanted)
            return "made", LEAD_PAGE_TITLE
        if ours.get("content") == content:
            return "unchanged", LEAD_PAGE_TITLE
        self._api.call("provision", "PATCH", f"dashboard_apps/{_id(ours)}", json=wanted)
        return "changed", LEAD_PAGE_TITLE

    def _get(self, path: str) -> Any:
        return self._api.call("provision", "GET", path)


def show_templates(api: ChatwootApi, inbox_id: int, templates: Sequence[dict[str, Any]]) -> tuple[bool, int]:
    """Puts the approved templates where Chatwoot's picker looks; whether that changed anything, and how many there are.

    Whatever else is kept there stays, though a PATCH replaces all of it. Raises what the API raises.
    """
    wanted = sorted(templates, key=lambda one: (str(one.get("name")), str(one.get("language"))))
    there = _object(_object(api.call("templates", "GET", f"inboxes/{inbox_id}")).get("additional_attributes"))
    if (there.get(TEMPLATES) or []) == wanted:
        return False, len(wanted)
    attributes = {"additional_attributes": {**there, TEMPLATES: wanted}}
    api.call("templates", "PATCH", f"inboxes/{inbox_id}", json={"channel": attributes})
    return True, len(wanted)


def _is_private(url: str) -> bool:
    """Whether that is an address that leads nowhere from elsewhere."""
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))


def _definition(attribute: Attribute) -> dict[str, Any]:
    return {
        "attribute_key": attribute.key,
        "attribute_display_name": attribute.name,
        "attribute_display_type": attribute.kind,
        "attribute_description": attribute.description or attribute.name,
        "attribute_values": list(attribute.values),
        "attribute_model": "contact_attribute" if attribute.of == "person" else "conversation_attribute",
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _id(value: dict[str, Any]) -> int:
    number = value.get("id")
    return number if isinstance(number, int) else 0
