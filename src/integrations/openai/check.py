"""Whether the language model's server knows us and the model: for the doctor, light enough for a web process."""

from __future__ import annotations

from urllib.parse import quote

from src.errors import AccessDenied, Rejected, TemporaryFailure
from src.integrations.http import Outgoing

VENDOR = "model"
TIMEOUT_S = 5.0


class ModelCheck:
    """Asks for the model by its name; no question is put to it, so it costs nothing. Constructing connects nowhere."""

    def __init__(self, *, api_key: str, base_url: str, model: str) -> None:
        self._api_key, self._url, self._model = api_key, f"{base_url.rstrip('/')}/models/{quote(model, safe='')}", model
        self._http = Outgoing(VENDOR)

    def check(self) -> dict[str, str]:
        """The model's name. Raises AccessDenied for a refused key, Rejected for an unknown model, else TemporaryFailure."""
        headers = {"Authorization": f"Bearer {self._api_key}"}
        answer = self._http.call("check", "GET", self._url, timeout_s=TIMEOUT_S, headers=headers)
        if answer.status in (401, 403):
            raise AccessDenied(VENDOR, "check", status=answer.status, detail="OPENAI_API_KEY is refused")
        if answer.status == 404:
            raise Rejected(VENDOR, "check", status=404, detail="OPENAI_MODEL is not known at OPENAI_BASE_URL")
        if answer.status != 200 or not answer.json_object():
            raise TemporaryFailure(VENDOR, "check", status=answer.status, detail="no answer about the model")
        return {"model": self._model}
