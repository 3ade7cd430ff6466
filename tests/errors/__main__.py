"""Runs `trellis plan` on the stack files of the cases whose names begin with what is given, and shows what it says.

python -m tests.errors 49              every case of number 49
python -m tests.errors 49 --keep DIR   and leave their stack files in a folder, to run `trellis plan --file` on

The stack file of a case with `templates` is right: what it says comes of templates that are spoiled here only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.errors.cases import CASES, read
from tests.errors.command_line import plan_of_case


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.errors", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "name", nargs="?", default="", help="a number, or the beginning of a name; all if none is given"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the stack files")
    options = parser.parse_args()
    chosen = [read(path) for path in CASES if path.stem.startswith(options.name)]
    if not chosen:
        print(f"no case begins with {options.name!r}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for case in chosen:
            done = plan_of_case(case, folder)
            print(f"== {case.path.stem}: exit code {done.exit_code}\n{done.stderr}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
