"""The internet of a lab, as far as it listens: one TCP port behind the edges that answers with a line.

Its namespace and addresses are made with the lab's other ones (`trellis.lab.from_site`), with which it ends.
"""

from __future__ import annotations

import subprocess
import sys
import time

from trellis.lab.errors import LabError
from trellis.lab.processes import run

PORT = 80
_START_LIMIT_S = 5.0

_LISTEN = f"""
import socket
with socket.create_server(("::", {PORT}), family=socket.AF_INET6, dualstack_ipv6=True) as server:
    while True:
        client, _ = server.accept()
        with client:
            client.sendall(b"upstream\\n")
"""


def listen(namespace: str) -> None:
    """Start the listener in a namespace, unless it answers there.

    Args:
        namespace: As `ip netns` knows it.

    Raises:
        LabError: It did not start.
    """
    if _answers(namespace):
        return
    argv = ["setsid", "--fork", "ip", "netns", "exec", namespace, sys.executable, "-c", _LISTEN]
    subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    deadline = time.monotonic() + _START_LIMIT_S
    while not _answers(namespace):
        if time.monotonic() > deadline:
            raise LabError(
                f"port {PORT} in namespace {namespace}",
                why=f"nothing listens there after {_START_LIMIT_S:g} s",
                remedy="`trellis lab down`, then `trellis lab up`",
            )
        time.sleep(0.05)


def _answers(namespace: str) -> bool:
    tried = ["ip", "netns", "exec", namespace, "bash", "-c", f"read -r -t 1 said < /dev/tcp/::1/{PORT}"]
    return run(tried, check=False).ok
