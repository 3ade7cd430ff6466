"""Records what a running twin says, as evidence for the tests of the proof.

python -m tests.lab.recorded.capture [STACK]   # by default `dev`; the twin must be up and converged
"""

from __future__ import annotations

import gzip
import json
import sys
from itertools import product
from pathlib import Path

from tests.sites import site_data
from trellis.lab import twin as twins
from trellis.lab.evidence import Evidence
from trellis.lab.proof import ask
from trellis.lab.proof.fabric import VERSIONS
from trellis.lab.proof.prove import ROUNDS, ask_twin, fabric_of, questions

RECORDING = Path(__file__).with_name("dev.json.gz")
PROJECT = Path(__file__).resolve().parents[3]


def main(stack: str) -> None:
    data = site_data({"dev": "homelab"}.get(stack, stack))
    twin = twins.find(stack, PROJECT, data, print)
    fabric = fabric_of(twin)
    nodes = (*fabric.hosts, *fabric.site.edges)
    further = [ask.vtysh(node, "show bgp vrf all summary json") for node in nodes]
    further += [ask.all_routes(edge, version) for edge in fabric.site.edges for version in VERSIONS]
    for host, version in product(fabric.hosts, VERSIONS):
        exported = f"show bgp ipv{version} unicast community-list TL-EXPORTED json"
        further += [ask.bgp_table(host, version), ask.vtysh(host, exported)]
    evidence: Evidence = ask_twin(twin, further)
    for _, chapters, at_once in ROUNDS:
        evidence |= ask_twin(twin, questions(fabric, chapters), at_once=at_once)
    recorded = {
        "site": data,
        "places": fabric.places,
        "upstream": [str(address) for address in fabric.upstream],
        "answers": [
            {
                "node": answer.question.node,
                "argv": answer.question.argv,
                "at_once": answer.question.at_once,
                "moment": answer.question.moment,
                "status": answer.status,
                "output": answer.output,
                "errors": answer.errors,
                "seconds": answer.seconds,
            }
            for answer in evidence.values()
        ],
    }
    RECORDING.write_bytes(gzip.compress(json.dumps(recorded, indent=1).encode(), mtime=0))
    print(f"{len(evidence)} answers in {RECORDING}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dev")
