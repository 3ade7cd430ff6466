"""The policy file: rules over a plan that a site may not leave, written by those who answer for them.

It stands in ``policy.yaml`` beside the stack files and not in a site: who tightens the rules is often not who changes
the site, a code host can ask for another reviewer by file, and one file holds for every stack of a folder.  The
project's own rules (R1-R14) hold without it and cannot be loosened here.  Reading the file from a disk, and comparing
dates with a clock, are elsewhere (``trellis.cli.policy``, ``components.policy``).
"""

from trellis.policy.judge import Judgement, PolicyViolated, hold_to, judge
from trellis.policy.model import FILE_NAME, PolicyFile
from trellis.policy.reading import read_policy

__all__ = ["FILE_NAME", "Judgement", "PolicyFile", "PolicyViolated", "hold_to", "judge", "read_policy"]
