"""What a deployed fabric ought to be doing, asserted: what follows from a plan alone, held against what hosts say.

`expected` makes the expectations of a plan, `seen` reads a host's answer, `judge` compares the two and gives each
assertion that fails as a `Finding`.  Asking the hosts is ``trellis.cli.check_live``'s; what is configured there, kernel
parameters included, is compared by ``trellis.cli.check`` through the agent's own comparison.
"""

from trellis.reach.assertions.expected import expected, pings_of
from trellis.reach.assertions.judge import Judgement, judge
from trellis.reach.assertions.model import Expected, Finding
from trellis.reach.assertions.seen import Seen, seen

__all__ = ["Expected", "Finding", "Judgement", "Seen", "expected", "judge", "pings_of", "seen"]
