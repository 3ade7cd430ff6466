"""Guests that attack: real speakers and frames in a lab of its own, and what was seen of it by everybody else.

::

    tests/lab/attacks/NN_name.py    one attack as data: what, who, proof, end, the rules that keep it out
    bench       the lab; strangers: VMs that the site does not know; look: what it looks like to the others
    trial       one attack carried out
    speech      attacks by routes (speakers: FRR, BIRD, ExaBGP); dialling: by a speaker of ours; packets: by frames
    wire/       what runs in the attackers' namespaces
    defects     the rules taken away, one at a time: exactly their attack succeeds
    catalogue   the files read; report: the tables

An attack that is not refused or contained is a defect of the product; one without a proof is a defect of the test.
"""

from trellis.lab.attacks import bench, defects, flooding, impostors, packets, probing, speech, store, strange_dials
from trellis.lab.attacks.attack import Attack, Defect, Said, Speech, Verdict
from trellis.lab.attacks.catalogue import read
from trellis.lab.attacks.report import as_json, as_table, counted, mutants_as_json, mutants_as_table
from trellis.lab.attacks.trial import Trial, carried_out, tried

__all__ = [
    "Attack",
    "Defect",
    "Said",
    "Speech",
    "Trial",
    "Verdict",
    "as_json",
    "as_table",
    "bench",
    "carried_out",
    "counted",
    "defects",
    "flooding",
    "impostors",
    "mutants_as_json",
    "mutants_as_table",
    "packets",
    "probing",
    "read",
    "speech",
    "store",
    "strange_dials",
    "tried",
]
