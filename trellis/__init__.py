"""Trellis: tenant networks on Proxmox VE, modelled once, shown as a diff, applied in transactions.

The pure core is ``site`` -> ``allocate`` -> ``plan`` -> ``render`` (with ``pve`` beside it): a value in, a
value out.  Everything with side effects lives elsewhere: ``components`` (Pulumi resources), ``agent`` (what
runs on a host), ``engine`` (the Pulumi engine), ``lab`` (the digital twin) and ``cli``.
"""
