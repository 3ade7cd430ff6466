"""Reaching the cluster's nodes: the transport's protocol, and applying a configuration on all of them.

All nodes are reloaded in parallel. As with Proxmox a node that fails is a line in the task's log: the
task itself ends well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

NODE_COMMAND = "/usr/local/sbin/pve-node"
"""The program that the installer puts on every node."""

Say = Callable[[str], None]


class NodeTransport(Protocol):
    """How a command is run on a node. Implementations bound its time themselves."""

    def run(self, node: str, argv: Sequence[str], stdin: str) -> tuple[int, str, str]:
        """Run a command on a node.

        Args:
            node: The node's name.
            argv: The command.
            stdin: What it reads.

        Returns:
            Its exit status, output and messages. A node that can't be reached is status 255, as with
            OpenSSH, with the reason as its messages.
        """
        ...

    def reachable(self, node: str) -> bool:
        """Whether the node answers at all, found out within a second or two."""
        ...


def reload_all(
    transport: NodeTransport,
    nodes: Sequence[str],
    document: dict[str, Any],
    regenerate_frr: str,
    say: Say,
) -> None:
    """Have every node take a committed configuration.

    Args:
        transport: How they are reached.
        nodes: Their names.
        document: The `.running-config` document.
        regenerate_frr: `0`, `1` or `auto`: whether frr.conf is written as well.
        say: Takes the lines of the task's log, whole nodes at a time.
    """
    argv = [NODE_COMMAND, "apply", "--regenerate-frr", regenerate_frr]
    stdin = json.dumps(document)
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
        for lines in pool.map(lambda node: run_logged(transport, node, argv, stdin)[1], nodes):
            for line in lines:
                say(line)


def run_logged(transport: NodeTransport, node: str, argv: Sequence[str], stdin: str = "") -> tuple[bool, list[str]]:
    """Run a command on a node and return whether it went well, and lines for a task's log."""
    try:
        code, out, err = transport.run(node, argv, stdin)
    except Exception as error:  # a transport's own failure must not end the task
        code, out, err = 255, "", f"{type(error).__name__}: {error}"
    lines = out.splitlines()
    if code != 0:
        reason = err.strip().splitlines()[-1:] or ["no message"]
        lines.append(f"command 'pvesh set /nodes/{node}/network' failed: exit code {code}: {reason[0]}")
    return code == 0, lines
