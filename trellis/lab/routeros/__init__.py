"""The REST face of a RouterOS edge: TLS, a user who may read, pools that DHCPv6 clients fill, and ways to fail.

It knows nothing of ``trellis.routeros``, which is judged by it.  Its answers have the form of RouterOS 7 (all values
are text, a lease is "PREFIX, TIME LEFT", a pool is there only as long as it is filled), as far as `/ipv6/pool`,
`/ipv6/dhcp-client`, `/ipv6/route` and `/ip/route` go; it changes nothing by REST, as its user could not.
"""

from trellis.lab.routeros.router import Face, FaceFault, Lease, RestFace, RouteEntry
from trellis.lab.routeros.server import Served, serve

__all__ = ["Face", "FaceFault", "Lease", "RestFace", "RouteEntry", "Served", "serve"]
