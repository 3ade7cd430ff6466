"""Why a route of a guest arrives at the edge, or does not: through each filter in turn, on the plan alone.

``question`` makes out what a person means, ``follow`` takes the route from one filter to the next, ``entries`` names
what decides there as FRR prints it, ``remedies`` says what of the site would let it pass.  ``live`` sets what hosts
say of the same route beside it.  The rules that a route breaks are ``trellis.reach.reasons``'s.
"""

from trellis.reach.why.follow import why
from trellis.reach.why.model import Step, Why
from trellis.reach.why.question import Question, Said, questions

__all__ = ["Question", "Said", "Step", "Why", "questions", "why"]
