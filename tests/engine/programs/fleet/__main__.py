"""The project's own program; user and place of the agent differ, for its hosts are processes of one machine."""

import getpass
import runpy
from dataclasses import replace
from pathlib import Path

import pulumi
from pulumi_command import remote

from components.host import Login
from trellis.agent import bundle

_connection = Login.connection


def _as_myself(login: Login) -> remote.ConnectionArgs:
    return _connection(replace(login, ssh=login.ssh.model_copy(update={"user": getpass.getuser()})))


Login.connection = _as_myself  # type: ignore[method-assign]
bundle.agent_digest = lambda: "0" * 64
bundle.AGENT_PATH = pulumi.Config("trellis").require("agentPath")
runpy.run_path(str(Path(__file__).parents[4] / "__main__.py"), run_name="__main__")
