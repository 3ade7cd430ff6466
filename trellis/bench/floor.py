"""The floor: the least that Jinja costs to write every file of a site, from data in which all is decided already.

One JSON on standard input, one template per host kind, the text of every file on standard output, each below a
line that names host and file.  The data is structured (a session's fields, a prefix-list's entries, what Proxmox
is told), never finished text; policies that several hosts share stand in it once, and the template does the rest
with loops.  Nothing is validated, allocated, planned, merged or remembered: that is the product's work, and what
its ratio to this floor measures.

It imports ``json`` and ``jinja2`` and nothing of Trellis, so that no change of the product makes it slower or
faster; a test holds it to that.  It is run as a file of its own: ``python -I trellis/bench/floor.py < INPUT``.
"""

import json

from jinja2 import Environment, FileSystemLoader

_STANDARD_INPUT, _STANDARD_OUTPUT = 0, 1
_TEMPLATES = __file__.removesuffix("floor.py") + "templates"


def main() -> None:
    """Write every file of every host."""
    environment = Environment(  # noqa: S701 (no HTML)
        loader=FileSystemLoader(_TEMPLATES), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    with open(_STANDARD_INPUT, encoding="utf-8") as source:
        site = json.load(source)
    with open(_STANDARD_OUTPUT, "w", encoding="utf-8") as out:
        for host in site["hosts"]:
            template = environment.get_template(host["kind"] + ".j2")
            policy = site["policies"][host["policy"]]
            out.write(template.render(host=host, policy=policy, proxmox=site["proxmox"], firewall=site["firewall"]))


if __name__ == "__main__":
    main()
