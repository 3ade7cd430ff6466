"""What a root needs below it before programs run in it by chroot: its own /proc, /sys, /dev, /run and /tmp.

For the FRRs that run natively on this machine (`trellis.lab.scratch`, `trellis.lab.speaker`); the hosts' kernels
mount their own.
"""

from __future__ import annotations

from typing import Final

MOUNT_BELOW: Final = """\
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=0755 dev dev
for node in null zero full random urandom tty; do : > dev/$node; mount --bind /dev/$node dev/$node; done
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=0755 run run
mkdir -p run/lock
mkdir -m 1777 -p tmp
"""
"""Lines of a shell script whose working directory is the root, in a mount namespace of its own."""
