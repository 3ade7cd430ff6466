"""The controller of a lab as a process: deploys to one host the way the commands do, from the namespace it is in.

Reads one request as JSON on standard input and answers line by line; `trellis.lab.faults.deploying` is the other end.
A process of its own, because a namespace is a process's, and because a controller is something that can be killed.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from trellis.remote import Keys, Login, Unreached, transact


def main() -> int:
    """Deploy as the request on standard input says."""
    request = json.load(sys.stdin)
    login = Login(
        request["host"],
        request["address"],
        request["port"],
        request["user"],
        request["host_key"],
        Keys(request["key"], "the lab"),
    )

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), flush=True)

    try:
        done = transact(login, request["command"], request["stdin"], on_line=lambda line: tell({"line": line}))
    except Unreached as lost:
        tell({"unreached": {name: getattr(lost, name) for name in ("host", "step", "why", "remedy")}})
        return 1
    tell({"status": done.status, "report": done.report, "said": done.said, "confirmations": done.confirmations})
    return 0


if __name__ == "__main__":
    sys.exit(main())
