"""Asking Proxmox's REST API, and having it move a VM: HTTPS alone, with the provider's token and its authorities.

As for the provider, SSL_CERT_FILE names other authorities, and TLS 1.3 is the least that is taken. There is no way to
switch the check off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 30.0
"""What one question may take; a dry run on a node takes Proxmox a second or two."""

_NOT_THERE = (404, 501)


class ApiProblem(Exception):
    """A question that Proxmox did not answer.

    Attributes:
        status: The HTTP status; 0 where there was no answer at all.
    """

    def __init__(self, text: str, *, status: int = 0) -> None:
        super().__init__(text)
        self.status = status

    @property
    def unknown(self) -> bool:
        """Whether this release of Proxmox has no such question."""
        return self.status in _NOT_THERE


class Api:
    """A cluster's API.

    Args:
        endpoint: As the site names it: ``https://HOST:PORT``.
        token: ``USER@REALM!NAME=SECRET``.
    """

    def __init__(self, endpoint: str, token: str) -> None:
        # Half a megabyte of modules that a preview does not need.
        import ssl  # noqa: PLC0415

        self._base = f"{endpoint.rstrip('/')}/api2/json"
        self._token = token
        self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_3

    def get(self, path: str, **query: str) -> Any:
        """Ask.

        Args:
            path: Below ``/api2/json``.
            query: Parameters; an underscore stands for a hyphen.

        Returns:
            The answer's ``data``.

        Raises:
            ApiProblem: There is none.
        """
        return self._asked("GET", path, query)

    def post(self, path: str, **fields: str) -> Any:
        """Have something done.

        Args:
            path: Below ``/api2/json``.
            fields: What is sent with it; an underscore stands for a hyphen.

        Returns:
            The answer's ``data``: the UPID of a task, where it goes on after the answer.

        Raises:
            ApiProblem: It is refused, or there is no answer.
        """
        return self._asked("POST", path, fields)

    def _asked(self, method: str, path: str, given: Mapping[str, str]) -> Any:
        from urllib.error import HTTPError, URLError  # noqa: PLC0415
        from urllib.parse import urlencode  # noqa: PLC0415
        from urllib.request import Request, urlopen  # noqa: PLC0415

        fields = urlencode({name.replace("_", "-"): value for name, value in given.items()})
        query, body = (f"?{fields}" if fields else "", None) if method == "GET" else ("", fields.encode())
        request = Request(f"{self._base}{path}{query}", body, method=method)  # noqa: S310 - https (the site's rule)
        request.add_header("Authorization", f"PVEAPIToken={self._token}")
        try:
            with urlopen(request, timeout=TIMEOUT_S, context=self._tls) as answer:  # noqa: S310
                return json.loads(answer.read())["data"]
        except HTTPError as error:
            said = _message(error.read()) or str(error.reason)
            raise ApiProblem(f"{method} {path}: {error.code}: {said}", status=error.code) from None
        except (URLError, OSError, ValueError, KeyError) as error:
            reason = getattr(error, "reason", error)
            raise ApiProblem(f"{method} {path}: {reason}") from None


def _message(body: bytes) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return str(found.get("message") or "").strip() if isinstance(found, dict) else ""
