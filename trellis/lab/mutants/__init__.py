"""Defects put on a running lab on purpose, one at a time: exactly the rows that watch for each must turn red.

`catalogue` is the list of them, `seeding` puts one on the lab and takes it away again, `trial` runs the proof with
each.  A table of green rows proves nothing by itself: this is what shows that its rows can turn red.
"""

from trellis.lab.mutants.catalogue import MUTANTS, Mutant, Removal
from trellis.lab.mutants.report import as_json, as_table
from trellis.lab.mutants.trial import Outcome, Verdict, run

__all__ = ["MUTANTS", "Mutant", "Outcome", "Removal", "Verdict", "as_json", "as_table", "run"]
