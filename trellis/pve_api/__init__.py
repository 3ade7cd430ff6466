"""What the program asks Proxmox's API itself: whether an SDN apply would do what the site says, and nothing else.

The provider applies whatever is pending in the cluster, whoever made it, and Proxmox regenerates every node with it.
Before that the pending changes are read and judged here, and where Proxmox can say what it would generate, that is
held against what was computed. Nothing is ever written: objects are the provider's, applying is the applier's.
"""

from trellis.pve_api.apply import ApplyRefused, refuse_unless_ours

__all__ = ["ApplyRefused", "refuse_unless_ours"]
