"""`python -m trellis.lab.migrate STACK VMID HOST`: move a guest of a running lab, as its Proxmox does a VM.

The lab's Proxmox is a process of its own, and calls this; the site is the one of the last command that was run there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from trellis.lab import controller, site_files, twin
from trellis.lab.errors import LabError
from trellis.lab.guests import vm_number


def main(stack: str, vmid: str, host: str) -> int:
    """Move the guest; 0 when it is there, 1 where it could not be moved."""
    try:
        found = twin.find(stack, Path.cwd(), site_files.read(controller.state_dir(stack), stack), print)
        name = next((guest.name for guest in found.guests if vm_number(guest) == int(vmid)), None)
        if name is None:
            raise LabError(f"VM {vmid}", why="no guest of the lab has that number", remedy="see `trellis lab status`")
        found.move_guest(name, host)
    except (LabError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
