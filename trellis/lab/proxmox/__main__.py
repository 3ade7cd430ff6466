"""`python -m trellis.lab.proxmox --config FILE`: serve the API until a signal ends it."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from trellis.lab.errors import LabError
from trellis.lab.proxmox import config as configuration
from trellis.lab.proxmox.server import server


def main() -> int:
    """Serve; 0 when it was told to end, 1 where it could not begin."""
    parser = argparse.ArgumentParser(prog="python -m trellis.lab.proxmox", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the file that the lab wrote")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        server(configuration.read(arguments.config)).run()
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
