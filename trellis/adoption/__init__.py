"""An existing cluster as a site: read, inferred, rendered again, and held against what was there, line by line.

``adopted`` is the whole of it: texts of hosts and Proxmox's objects in, a site and a list of what it does not express
out.  The list is made by comparison, not by the inference: a line is accounted for only if the site's own rendering
has it, has what it says in other words, or if it is Proxmox's or the host's own.  So an inference that misses
something lengthens the list, and drops nothing.

Deliberately elsewhere: reading files, hosts and Proxmox's API (``trellis.cli.import_``), and what a first deploy to one
host replaces there (``trellis adopt``, ``trellis.agent.adopt``).
"""

from trellis.adoption.accounts import Packaged, Unexpressed
from trellis.adoption.adopted import Adopted, adopted
from trellis.adoption.given import GivenCluster, GivenHost, Section, Vm

__all__ = ["Adopted", "GivenCluster", "GivenHost", "Packaged", "Section", "Unexpressed", "Vm", "adopted"]
