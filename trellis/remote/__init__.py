"""Reaching hosts over SSH: pinned host keys, bounded in time, many at once, and one clear error when it fails.

::

    keys = keys_given(identity)                      # --identity, TRELLIS_SSH_KEY or ssh-agent
    login = Login("pve01", address, 22, "trellis", host_key, keys)
    with Connection(login) as connection:
        answer = connection.run("uptime", timeout_s=10)
    answers = across([login, ...], ask)              # each host's answer or its Unreached, in the given order
    done = transact(login, "rollback 3")             # the agent's change, confirmed over a connection of its own

``Unreached`` is the one exception: it names the host, the step, what went wrong and what to do.  What is asked of a
host is the agent's (``trellis.agent``) and the commands' (``trellis.cli``); an operator's SSH configuration counts for
nothing here, and there is no way to accept another host key than the pinned one.
"""

from trellis.remote.across import across
from trellis.remote.connection import Answer, Connection
from trellis.remote.lines import lines
from trellis.remote.login import Keys, Login, Unreached, keys_given, login_of
from trellis.remote.transact import Transacted, ask_agent, transact

__all__ = [
    "Answer",
    "Connection",
    "Keys",
    "Login",
    "Transacted",
    "Unreached",
    "across",
    "ask_agent",
    "keys_given",
    "lines",
    "login_of",
    "transact",
]
