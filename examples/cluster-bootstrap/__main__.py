"""A second Pulumi program: reads a cluster's document from the network's stack, and renders what talosctl needs.

It makes nothing: its outputs are files and commands.  What they are stands in ``bootstrap.py``.
"""

import pulumi
from bootstrap import bootstrap

config = pulumi.Config()
network = pulumi.StackReference(config.require("network"))
rendered = network.require_output(f"cluster_{config.require('cluster')}").apply(bootstrap)

pulumi.export("files", rendered["files"])  # secret where the document is: a session's key may stand in a patch
# No text of the document is in these, so they can be read and compared whatever the document is.
pulumi.export("commands", pulumi.Output.unsecret(rendered["commands"]))
pulumi.export("nodes", pulumi.Output.unsecret(rendered["nodes"]))
