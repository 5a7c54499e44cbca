"""The channel of those whom operators play, and of everybody while no other is configured: whatever is said counts as
delivered, and the transcript shows it."""

from __future__ import annotations

from collections.abc import Sequence

from src.desk.crm import File
from src.errors import Rejected
from src.messages import Content, Media, Outbound


class SimulatorChannel:
    """Implements `desk.ports.Channel` for trying the product: no vendor, no window, no receipts."""

    @property
    def number(self) -> str:
        """There is only one."""
        return "simulator"

    @property
    def confirms(self) -> bool:
        """No receipts follow."""
        return False

    def parts(self, content: Content) -> Sequence[Content]:
        """One message is one message here."""
        return [content]

    def send(self, outbound: Outbound, *, opaque: str, timeout_s: float | None = None) -> str:
        """Always succeeds."""
        del opaque, timeout_s
        return f"simulated.{outbound.id}"

    def download(self, media: Media, *, max_bytes: int) -> File:
        """There are no files here."""
        del media, max_bytes
        raise Rejected("simulator", "download", detail="no keys are set: files stay where they are")

    def check(self) -> dict[str, str]:
        """Always well."""
        return {"simulator": "no keys are set, messages are answered on this machine only"}

    def mark_read(self, message_id: str, *, typing: bool) -> None:
        """Nobody looks for blue ticks here."""
        del message_id, typing
