"""What the procedures of day two decide: values in, values out, so that tables of cases test them.

``discovery`` and ``proposals`` hold the site against Proxmox's VMs, ``onboarding`` judges each step of a guest's way
in, ``fabric_backup`` is the form of the file that `trellis backup` writes.  Who is asked, and how it is told, is the
commands' (``trellis.cli``).
"""
