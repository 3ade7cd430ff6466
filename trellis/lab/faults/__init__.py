"""Breaking a deploy on purpose: real causes, the proof that each happened, and the state that it has to leave.

::

    tests/lab/faults/NN_name.py     one fault as data: what, when, proof, end
    bench       the lab that they happen to; controller: who deploys to it
    trial       one fault carried out; hold: at the very moment of the reload
    causes, proofs, ends            what the files are made of
    catalogue   the files read; sharing: labs side by side; report: the table
    mutant      a defect that a fault has to bring to light; mutants: each tried, mutated: by a product that has it
    wholeness   the lab whole again after each

A fault that does not end as written is a defect of the product; one without a proof, or one that ends as written
although the product has its defect, is a defect of the test.
"""

from trellis.lab.faults import canary, causes, ends, programmed, proofs
from trellis.lab.faults.catalogue import read, read_mutants
from trellis.lab.faults.change import after, replaced
from trellis.lab.faults.fault import AT_RELOAD, End, Fault, Strike, Verdict
from trellis.lab.faults.mutant import Mutant, Rewrite
from trellis.lab.faults.mutants import MutantVerdict, try_mutants
from trellis.lab.faults.report import as_json, as_table, counted, json_of_mutants, table_of_mutants
from trellis.lab.faults.sharing import run
from trellis.lab.faults.trial import Trial, converges, tried

__all__ = [
    "AT_RELOAD",
    "End",
    "Fault",
    "Mutant",
    "MutantVerdict",
    "Rewrite",
    "Strike",
    "Trial",
    "Verdict",
    "after",
    "as_json",
    "as_table",
    "canary",
    "causes",
    "converges",
    "counted",
    "ends",
    "json_of_mutants",
    "programmed",
    "proofs",
    "read",
    "read_mutants",
    "replaced",
    "run",
    "table_of_mutants",
    "tried",
    "try_mutants",
]
