"""`python -m trellis.lab.routeros --face FILE --folder FOLDER`: serve a router's REST face until a signal ends it.

What it is may be changed meanwhile by writing the file anew (`trellis.lab.routeros.router.write`).  Its first line of
output is JSON: where it is reached, and its certificate's fingerprint.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from trellis.lab.errors import LabError
from trellis.lab.routeros.router import RestFace, read
from trellis.lab.routeros.server import Server


def main() -> int:
    """Serve; 1 where it could not begin."""
    parser = argparse.ArgumentParser(prog="python -m trellis.lab.routeros", description=__doc__)
    parser.add_argument("--face", type=Path, required=True, help="what the router has, as JSON")
    parser.add_argument("--folder", type=Path, required=True, help="where its certificate is kept")
    parser.add_argument("--address", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=int, default=443, help="0 means any")
    arguments = parser.parse_args()
    try:
        face = RestFace(read(arguments.face), arguments.face)
        server = Server(face, (arguments.address, arguments.port), arguments.folder)
    except (LabError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"endpoint": server.endpoint, "certificate": server.certificate.hex()}), flush=True)
    with server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
