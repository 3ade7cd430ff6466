"""The empty program: resources of the kinds and numbers that its configuration says, with nothing in them."""

import pulumi

_SERVED = ("command", "proxmoxve")

for token, count in pulumi.Config("trellis").require_object("resources").items():
    for number in range(count):
        name = f"{token.rpartition(':')[2]}-{number}"
        if token.partition(":")[0] in _SERVED:
            pulumi.CustomResource(token, name, {})
        else:
            pulumi.ComponentResource(token, name).register_outputs({})
