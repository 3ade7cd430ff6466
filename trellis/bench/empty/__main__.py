"""The empty program: resources of the kinds and numbers that its configuration says, with nothing in them.

It imports the SDKs of these kinds, as any program that has such resources does.
"""

import pulumi
import pulumi_command.remote  # noqa: F401
import pulumi_proxmoxve  # noqa: F401

_SERVED = ("command", "proxmoxve")

for token, count in pulumi.Config("trellis").require_object("resources").items():
    for number in range(count):
        name = f"{token.rpartition(':')[2]}-{number}"
        if token.partition(":")[0] in _SERVED:
            pulumi.CustomResource(token, name, {})
        else:
            pulumi.ComponentResource(token, name).register_outputs({})
