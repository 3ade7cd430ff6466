"""Stand-in for pulumi-resource-command 1.2.1: `command:remote:Command`.

What the real one does and this one follows: any changed input runs `update`, else `create`; a change of
`triggers` replaces; nothing is ever read back; delete uses the connection that the state holds; a failed
command leaves the old state, and both of its streams stand in the error.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from typing import Any

from trellis.lab.plugins import ssh
from trellis.lab.plugins.differences import Difference, differences
from trellis.lab.plugins.resource import Call, Failure, Live, OperationError, Provider
from trellis.lab.plugins.wire import UNKNOWN, Properties, has_unknown

VERSION = "1.2.1"

_CONNECTION_DEFAULTS: Mapping[str, Any] = {
    "port": ssh.DEFAULT_PORT,
    "user": ssh.DEFAULT_USER,
    "dialErrorLimit": ssh.DEFAULT_DIAL_ERROR_LIMIT,
    "perDialTimeout": ssh.DEFAULT_PER_DIAL_TIMEOUT_S,
}
_INPUTS = frozenset(
    (
        *("create", "update", "delete", "stdin", "triggers", "environment"),
        *("connection", "logging", "addPreviousOutputInEnv"),
    )
)
# Which streams are shown for each value of `logging`; the default is both.
_SHOWN: Mapping[str, tuple[str, ...]] = {
    "stdout": ("stdout",),
    "stderr": ("stderr",),
    "stdoutAndStderr": ("stdout", "stderr"),
    "none": (),
}


class RemoteCommand:
    """`command:remote:Command`."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def check(self, inputs: Properties) -> tuple[Properties, list[Failure]]:
        """Fills in the connection's defaults; refuses names that the real plugin does not know."""
        failures = [
            Failure(name, f"unknown property {name!r} of command:remote:Command")
            for name in sorted(set(inputs) - _INPUTS)
            if not name.startswith("__")
        ]
        if inputs.get("logging") not in (None, UNKNOWN, *_SHOWN):
            failures.append(Failure("logging", f"must be one of {', '.join(_SHOWN)}"))
        connection = inputs.get("connection")
        if isinstance(connection, Mapping):
            if "host" not in connection:
                failures.append(Failure("connection.host", "Missing required property 'host'"))
            if "proxy" in connection or "agentSocketPath" in connection:
                failures.append(Failure("connection", "the lab's stand-in knows neither 'proxy' nor 'agentSocketPath'"))
            inputs = {**inputs, "connection": {**_CONNECTION_DEFAULTS, **connection}}
        elif connection is None:
            failures.append(Failure("connection", "Missing required property 'connection'"))
        return inputs, failures

    def diff(self, old_inputs: Properties, new_inputs: Properties) -> tuple[Difference, ...]:
        """Any input counts; only triggers replace."""
        return differences(old_inputs, new_inputs, replacing=("triggers",))

    def planned(self, inputs: Properties) -> Properties:
        """What the command will print is not known before it runs."""
        return {**inputs, "stdout": UNKNOWN, "stderr": UNKNOWN}

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Runs `create`, if there is one."""
        identifier = f"{call.name}{secrets.token_hex(4)}"
        return identifier, self._run(call, inputs, inputs.get("create"), {"stdout": "", "stderr": ""})

    def read(self, call: Call, identifier: str, inputs: Properties, state: Properties) -> Live | None:
        """There is nothing to read: what stands in the state is taken to be so."""
        return Live(inputs, state)

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Runs `update`, else `create`."""
        command = inputs["update"] if inputs.get("update") is not None else inputs.get("create")
        return self._run(call, inputs, command, state)

    def delete(self, call: Call, identifier: str, state: Properties) -> None:
        """Runs `delete`, if there is one, over the connection of the last deployment."""
        if state.get("delete") is not None:
            self._run(call, state, state["delete"], state)

    def cancel(self) -> None:
        """Stops dialling; a command that runs is left to its own timeout."""
        self._stopped.set()

    def _run(self, call: Call, inputs: Properties, command: str | None, before: Properties) -> Properties:
        """Run one command text; returns the inputs with both streams of this run."""
        streams = {name: str(before.get(name) or "") for name in ("stdout", "stderr")}
        if command is None:
            return {**inputs, **streams}
        if has_unknown(inputs):
            raise OperationError("an input is not known yet")
        to = ssh.target(inputs["connection"])
        transport = ssh.dial(to, lambda text: call.log("info", text, True), self._stopped)
        try:
            environment = dict(inputs.get("environment") or {})
            if inputs.get("addPreviousOutputInEnv") is not False:
                environment |= _accepted(transport, call, streams)
            shown = _SHOWN[inputs.get("logging") or "stdoutAndStderr"]
            tell = dict.fromkeys(shown, lambda line: call.log("info", line, True))
            outcome = ssh.run(transport, command, inputs.get("stdin") or "", environment, tell)
        finally:
            transport.close()
        if outcome.failure is not None:
            raise OperationError(f"{outcome.failure}: running {ssh.quoted(command)}:\n{outcome.both}")
        return {
            **inputs,
            "stdout": outcome.stdout.removesuffix("\n"),
            "stderr": outcome.stderr.removesuffix("\n"),
        }


def _accepted(transport: Any, call: Call, streams: Mapping[str, str]) -> dict[str, str]:
    """The variables with the last run's output that the server accepts; others are warned of and left out."""
    accepted = {}
    for name, value in ((f"PULUMI_COMMAND_{stream.upper()}", text) for stream, text in streams.items()):
        if not value:
            continue
        session = transport.open_session()
        if ssh.set_environment(session, name, value):
            accepted[name] = value
        else:
            call.log(
                "warning",
                f"Unable to set '{name}'. This only works if your SSH server is configured to accept\n"
                "these variables via AcceptEnv.",
                False,
            )
        session.close()
    return accepted


def provider() -> Provider:
    """The stand-in plugin `command`."""
    remote = RemoteCommand()
    return Provider("command", VERSION, {"command:remote:Command": remote}, lambda _: None, remote.cancel)


if __name__ == "__main__":
    import logging

    from trellis.lab.plugins.server import serve

    # paramiko logs a traceback for every failed handshake; the error itself says it all.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
    serve(provider())
