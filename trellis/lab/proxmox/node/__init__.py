"""What runs on a simulated Proxmox node: devices, frr.conf and FRR's daemons from the SDN configuration.

Everything in this package is standard library only and imports nothing outside the package, because it
is copied onto the lab's hosts as it stands (`trellis.lab.proxmox.install`) and run there as
`python3 -m pve_node`. It is written from what Proxmox is known to do, apart from the code that predicts
it for the product: the two are compared, so neither may import the other.

The HTTP API, the cluster's state and the way to reach the nodes are elsewhere (`trellis.lab.proxmox`).
"""
