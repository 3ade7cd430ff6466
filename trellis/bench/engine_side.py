"""One side of the engine's comparison, in a process of its own: an operation of a program on the real engine.

A request (``trellis.lab.deployment``) as JSON in; out comes what was made, and what the program's process and those
below it have taken.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections import Counter

from trellis.lab import deployment, program


def main() -> None:
    """Run the request on standard input; write what it took on standard output."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the program prints goes to standard error
    request = deployment.request_from_json(sys.stdin.read())
    done = program.run(request, lambda _: None)
    made = Counter(step.type for step in done.steps if step.op == "create")
    own, below = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = {
        "program_cpu_s": own.ru_utime + own.ru_stime,
        "program_peak_bytes": own.ru_maxrss * 1024,
        "engine_peak_bytes": below.ru_maxrss * 1024,
    }
    with answer:
        answer.write(json.dumps({"made": dict(sorted(made.items())), **taken}))
    os._exit(0)  # the Automation API leaves threads behind


if __name__ == "__main__":
    main()
