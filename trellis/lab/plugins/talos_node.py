"""A node's end of Talos's API as the lab has it: plain HTTP in the place of gRPC, on the same port.

The real plugin calls ``ApplyConfiguration`` and ``Bootstrap`` of a node's API over TLS on port 50000, at first in
maintenance mode, without any certificate.  The lab's guests run no Talos.  What stands in for it at a guest's address
and port is asked by these two requests, whoever serves them:

    POST /configuration   the machine configuration, YAML; the header X-Talos-Node names the node
    POST /bootstrap       an empty body, with the same header

200 means done; 400 refuses for good, its text is shown (InvalidArgument of the real one); all else, and nobody there,
is tried again until the time is over.
"""

from __future__ import annotations

import http.client
import re
import threading
import time

from trellis.lab.plugins.resource import Call, OperationError

PORT = 50000
"""Where Talos's API listens."""
DEFAULT_TIMEOUT_S = 600.0
"""How long the real plugin tries (10 min)."""

_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 10.0  # as the real plugin waits between its attempts
_ONE_ATTEMPT_S = 10.0
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(duration: str | None) -> float:
    """Return a duration as Go writes it, as in 2h45m, in seconds.

    Args:
        duration: The duration; None for the plugin's default.

    Raises:
        OperationError: It is none.
    """
    if duration is None:
        return DEFAULT_TIMEOUT_S
    if not duration or _PART.sub("", duration):
        raise OperationError(f'time: invalid duration "{duration}"')
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))


def tell(
    call: Call, what: str, endpoint: str, node: str, body: str, timeout_s: float, stopped: threading.Event
) -> None:
    """Send a node's API one request, again and again until it is done.

    Args:
        call: The operation that it is for.
        what: What is asked: ``configuration`` or ``bootstrap``.
        endpoint: The address where it is asked.
        node: The address of the node that it is about.
        body: What is sent.
        timeout_s: Seconds after which it is given up.
        stopped: Set when the engine wants everything to stop.

    Raises:
        OperationError: The node refuses, or is not heard of in time.
    """
    deadline, delay_s = time.monotonic() + timeout_s, _FIRST_DELAY_S
    while True:
        try:
            status, said = _ask(what, endpoint, node, body)
        except (OSError, http.client.HTTPException) as error:
            status, said = 0, str(error) or type(error).__name__
        if status == 200:
            return
        if status == 400:
            raise OperationError(said)
        if time.monotonic() + delay_s >= deadline:
            raise OperationError(f"{_authority(endpoint)} did not answer within {timeout_s:g} s: {said}")
        call.log("info", f"{_authority(endpoint)}: {said}: trying again", True)
        if stopped.wait(delay_s):
            raise OperationError("context canceled")
        delay_s = min(2 * delay_s, _LONGEST_DELAY_S)


def _ask(what: str, endpoint: str, node: str, body: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(endpoint, PORT, timeout=_ONE_ATTEMPT_S)
    try:
        headers = {"Content-Type": "application/yaml", "X-Talos-Node": node}
        connection.request("POST", f"/{what}", body.encode(), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace").strip() or str(answer.status)
    finally:
        connection.close()


def _authority(endpoint: str) -> str:
    return f"[{endpoint}]:{PORT}" if ":" in endpoint else f"{endpoint}:{PORT}"
