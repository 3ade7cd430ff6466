"""The command that runs on a node: `python3 -m pve_node apply|reload|ifup|commit|dry-run`.

- `apply` takes the committed configuration on stdin (the API sends it), keeps it and reloads the network.
- `reload` does the same with the configuration that the node has, as a network reload by hand.
- `ifup` makes the devices at boot, before FRR starts.
- `commit` is the service that comes after FRR at boot.
- `dry-run` takes a configuration on stdin and prints what would change, as JSON.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import time
import urllib.request
from typing import Any

from . import apply, configuration
from .generated import MergeError
from .kernel import CommandError
from .settings import Settings, read_settings

QUORUM_WAIT_S = 10
"""How long the boot waits for the cluster. Proxmox waits for ever; a lab without its API must still boot."""


def _say(text: str) -> None:
    print(text, flush=True)


def _regenerates(choice: str, document: dict[str, Any], settings: Settings) -> bool:
    config = configuration.parse(document)
    if choice == "auto" or settings.behaviour.needs_controller:
        return apply.has_frr(config, settings)
    return choice == "1"


def _apply(arguments: argparse.Namespace, settings: Settings) -> None:
    document = json.load(sys.stdin)
    apply.store_running(document)
    apply.reload_network(document, settings, _regenerates(arguments.regenerate_frr, document, settings), _say)


def _reload(arguments: argparse.Namespace, settings: Settings) -> None:
    document = apply.read_running()
    apply.reload_network(document, settings, _regenerates(arguments.regenerate_frr, document, settings), _say)


def _ifup(_: argparse.Namespace, __: Settings) -> None:
    apply.bring_up(_say)


def _commit(_: argparse.Namespace, settings: Settings) -> None:
    if not settings.behaviour.commits_at_boot:
        _say("this release has no commit of SDN changes at boot")
        return
    answer = _ask_cluster(settings)
    if answer is not None:
        apply.store_running(answer["running"])
    if settings.boot_regenerates != "always" and not (answer and answer["committed"]):
        _say("No changes to SDN configuration detected, skipping reload")
        return
    document = apply.read_running()
    apply.reload_network(document, settings, _regenerates("auto", document, settings), _say)


def _ask_cluster(settings: Settings) -> dict[str, Any] | None:
    """What the cluster's file system would say: the committed configuration, pending changes committed."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    request = urllib.request.Request(f"{settings.cluster_url}/pmxcfs/commit-pending", method="POST")  # noqa: S310
    # A node that never had a configuration has nothing to lose by going on: one try will do.
    deadline = time.monotonic() + (QUORUM_WAIT_S if apply.read_running() else 0)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=2, context=context) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
                return found
        except OSError as error:
            if time.monotonic() > deadline:
                _say(f"WARN: the cluster does not answer ({error}): going on with what this node has")
                return None
            time.sleep(1)


def _dry_run(_: argparse.Namespace, settings: Settings) -> None:
    json.dump(apply.dry_run(json.load(sys.stdin), settings), sys.stdout)


def main(argv: list[str] | None = None) -> int:
    """Run one of the commands; 0, or 1 where the node could not be made what it should be."""
    parser = argparse.ArgumentParser(prog="pve_node")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("apply", _apply), ("reload", _reload)):
        command = commands.add_parser(name)
        command.add_argument("--regenerate-frr", choices=("0", "1", "auto"), default="auto")
        command.set_defaults(function=function)
    commands.add_parser("ifup").set_defaults(function=_ifup)
    commands.add_parser("commit").set_defaults(function=_commit)
    commands.add_parser("dry-run").set_defaults(function=_dry_run)
    arguments = parser.parse_args(argv)
    try:
        with apply.exclusive():
            arguments.function(arguments, read_settings())
    except (CommandError, MergeError, OSError, ValueError) as error:
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
