"""The product's side of the comparison: a site as JSON in, every file of every host out; a process of its own.

It is what the Pulumi program does before it makes a resource: ``load_site``, ``plan``, ``render``, with every check
that they make.  The site comes as JSON, as the engine hands it to the program.
"""

from __future__ import annotations

import json
import sys

from trellis.plan import plan
from trellis.render import render
from trellis.site import load_site

INTERFACES = "/etc/network/interfaces"
"""Where the agent keeps the stanzas of a host's loopbacks, which are part of its bundle but no whole file."""


def main() -> None:
    """Read a site on standard input; write each file on standard output below a line that names it."""
    out = sys.stdout
    for bundle in render(plan(load_site(json.load(sys.stdin)))):
        for file in bundle.files:
            out.write(f"==== {bundle.host}:{file.path}\n")
            out.writelines(file.parts)
        if bundle.loopbacks is not None:
            out.write(f"==== {bundle.host}:{INTERFACES}\n")
            out.writelines(f"{line}\n" for line in bundle.loopbacks.stanza)


if __name__ == "__main__":
    main()
