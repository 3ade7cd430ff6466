"""The Proxmox REST API as the real provider calls it: HTTPS only, form-encoded bodies, tasks awaited.

Error texts follow the real provider's. Deliberately elsewhere: which calls each SDN object makes
(`trellis.lab.plugins.pve_objects`), and what answers them.
"""

from __future__ import annotations

import json
import os
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from trellis.lab.plugins.resource import OperationError

if TYPE_CHECKING:  # httpx costs 0.2 s at start, and a preview needs none of it
    import httpx

Form = Sequence[tuple[str, str]]

_TLS_VERSIONS = {
    "": ssl.TLSVersion.TLSv1_3,
    "1.3": ssl.TLSVersion.TLSv1_3,
    "1.2": ssl.TLSVersion.TLSv1_2,
}
_REQUEST_TIMEOUT_S = 60.0
_GET_ATTEMPTS = 3
_POLL_S = 1.0
_APPLY_ATTEMPTS = 3
_GONE = ("does not exist", "no such resource", "No such file or directory")


class ApiError(Exception):
    """An answer that is no success; `gone` says that the object is not there."""

    def __init__(self, text: str, *, code: int, gone: bool) -> None:
        super().__init__(text)
        self.code = code
        self.gone = gone


class Api:
    """A connection to one Proxmox cluster.

    Args:
        settings: The provider's configuration, as the engine hands it over; what is missing is taken from
            PROXMOX_VE_ENDPOINT, PROXMOX_VE_API_TOKEN, PROXMOX_VE_USERNAME, PROXMOX_VE_PASSWORD and
            PROXMOX_VE_INSECURE. The CA comes from SSL_CERT_FILE.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._endpoint = _endpoint(_setting(settings, "endpoint", "PROXMOX_VE_ENDPOINT"))
        self._token = _setting(settings, "apiToken", "PROXMOX_VE_API_TOKEN")
        self._username = _setting(settings, "username", "PROXMOX_VE_USERNAME")
        self._password = _setting(settings, "password", "PROXMOX_VE_PASSWORD")
        insecure = _setting(settings, "insecure", "PROXMOX_VE_INSECURE").lower() in ("true", "1", "t")
        self._tls = _tls(_setting(settings, "minTls", "PROXMOX_VE_MIN_TLS"), insecure=insecure)
        if not self._token and not (self._username and self._password):
            raise OperationError("must provide either user credentials, an API token, or a ticket")
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._stopped = threading.Event()

    def get(self, path: str, query: Form = ()) -> Any:
        """Read.

        Args:
            path: The path below /api2/json/.
            query: The query.

        Returns:
            The answer's `data`.

        Raises:
            ApiError: If the answer is no success.
        """
        return self._request("GET", f"{path}?{urlencode(query)}" if query else path, ())

    def post(self, path: str, form: Form) -> Any:
        """Create; see `get`."""
        return self._request("POST", path, form)

    def put(self, path: str, form: Form = ()) -> Any:
        """Change; see `get`."""
        return self._request("PUT", path, form)

    def delete(self, path: str) -> Any:
        """Remove; see `get`."""
        return self._request("DELETE", path, ())

    def apply_sdn(self) -> None:
        """Apply all pending SDN changes of the cluster and wait for the task.

        Raises:
            ApiError: If it can't be started or fails; the task's log is in the text.
        """
        attempt = 1
        while True:
            try:
                task = self.put("cluster/sdn")
                break
            except ApiError as error:
                if "got no worker upid" not in str(error) or attempt == _APPLY_ATTEMPTS:
                    raise ApiError(f"error applying SDN configuration: {error}", code=error.code, gone=False) from None
            attempt += 1
            self._pause()
        if not task:
            raise ApiError("SDN apply did not return a task UPID", code=0, gone=False)
        self._await(str(task))

    def cancel(self) -> None:
        """Stop waiting for tasks, and close the connections."""
        self._stopped.set()
        with self._lock:
            if self._client is not None:
                self._client.close()

    def _await(self, task: str) -> None:
        """Wait for a task's end (`UPID:NODE:...`)."""
        base = f"nodes/{task.split(':')[1]}/tasks/{quote(task, safe=':@$&+=')}"
        while True:
            try:
                status = self.get(f"{base}/status")
            except ApiError as error:
                if error.code != 400:  # a task may not be known yet right after its start
                    raise
                status = {"status": "running"}
            if status.get("status") != "running":
                break
            self._pause()
        ending = str(status.get("exitstatus", ""))
        if ending == "OK" or (ending.startswith("WARNINGS: ") and "ERROR" not in ending):
            return
        lines = [str(line.get("t", "")) for line in self.get(f"{base}/log") or ()]
        log = "\ntask log:\n  " + "\n  ".join(lines) if lines else ""
        raise ApiError(
            f'error waiting for SDN apply: task "{task}" failed to complete with exit code: {ending}{log}',
            code=0,
            gone=False,
        )

    def _pause(self) -> None:
        if self._stopped.wait(_POLL_S):
            raise ApiError("context canceled", code=0, gone=False)

    def _request(self, method: str, path: str, form: Form) -> Any:
        """One call; reads are tried again when the connection fails, as the real provider does."""
        import httpx  # noqa: PLC0415  (see above)

        headers = {"Accept": "application/json"}
        body = urlencode(sorted(form)).encode() if form else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        for attempt in range(1, _GET_ATTEMPTS + 1):
            try:
                answer = self._connected().request(
                    method, f"{self._endpoint}/api2/json/{path}", content=body, headers=headers
                )
                break
            except httpx.TransportError as error:
                if method != "GET" or attempt == _GET_ATTEMPTS:
                    raise ApiError(
                        f"failed to perform HTTP {method} request (path: {path}) - Reason: {error}",
                        code=0,
                        gone=False,
                    ) from None
        if answer.is_success:
            return answer.json().get("data") if answer.content else None
        raise _error(answer)

    def _connected(self) -> httpx.Client:
        """The client, made and logged in at the first call."""
        import httpx  # noqa: PLC0415  (see above)

        with self._lock:
            if self._client is None:
                client = httpx.Client(verify=self._tls, timeout=_REQUEST_TIMEOUT_S)
                if self._token:
                    client.headers["Authorization"] = f"PVEAPIToken={self._token}"
                else:
                    self._log_in(client)
                self._client = client
            return self._client

    def _log_in(self, client: httpx.Client) -> None:
        """Get a ticket for user and password."""
        answer = client.post(
            f"{self._endpoint}/api2/json/access/ticket",
            data={"username": self._username, "password": self._password},
        )
        if not answer.is_success:
            raise _error(answer)
        data = answer.json()["data"]
        client.headers["CSRFPreventionToken"] = data["CSRFPreventionToken"]
        client.cookies.set("PVEAuthCookie", data["ticket"])


def _setting(settings: Mapping[str, Any], name: str, variable: str) -> str:
    """One setting as text; the engine hands booleans over as JSON text."""
    value = settings.get(name)
    if value is None or value == "":
        return os.environ.get(variable, "")
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _endpoint(text: str) -> str:
    """Scheme, host and port of the endpoint; its path is dropped."""
    parts = urlsplit(text)
    if not text or not parts.netloc:
        raise OperationError(
            "you must specify a valid endpoint for the Proxmox Virtual Environment API (valid: https://host:port/)"
        )
    if parts.scheme != "https":
        raise OperationError(
            "you must specify a secure endpoint for the Proxmox Virtual Environment API (valid: https://host:port/)"
        )
    return f"https://{parts.netloc}"


def _tls(minimum: str, *, insecure: bool) -> ssl.SSLContext:
    """TLS as the real provider has it: 1.3 at least unless the program says otherwise."""
    if minimum.strip() not in _TLS_VERSIONS:
        raise OperationError(f"unsupported minimal TLS version {minimum}, must be one of: 1.2, 1.3")
    context = ssl.create_default_context()
    context.minimum_version = _TLS_VERSIONS[minimum.strip()]
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _error(answer: httpx.Response) -> ApiError:
    """The error of an answer: Proxmox says it in the HTTP reason, and in `errors` and `message`."""
    reason = answer.reason_phrase
    try:
        body = answer.json()
    except ValueError:
        body = {}
    details = [f"{name}: {str(text).rstrip()}" for name, text in (body.get("errors") or {}).items()]
    details += [line for line in str(body.get("message") or "").splitlines() if line and not line.startswith(reason)]
    text = f"{reason} ({' - '.join(details)})" if details else reason
    gone = answer.status_code == 404 or (answer.status_code == 500 and any(one in text for one in _GONE))
    prefix = "the requested resource does not exist\n" if gone else ""
    return ApiError(
        f"{prefix}received an HTTP {answer.status_code} response - Reason: {text}",
        code=answer.status_code,
        gone=gone,
    )
