"""A release of what is outside FRR: our table, unit, files and loopbacks go, and what others wrote meanwhile stays."""

from __future__ import annotations

import pytest

from tests.agent.conftest import Host, confirmed
from tests.agent.test_commit_outside_frr import (  # noqa: F401 - `host` is the fixture
    INTERFACES,
    NAME,
    _outside,
    _prepare,
    _whole,
    host,
)
from tests.agent.test_interfaces_text import INSTALLED

pytestmark = pytest.mark.frr


def test_a_release_takes_away_what_prepare_and_commit_gave_and_leaves_what_others_wrote(host: Host) -> None:  # noqa: F811
    before = _outside(host)
    assert _prepare(host).outcome == "applied"
    assert host.commit(_whole()).outcome == "applied"
    others = "\niface vmbr7 inet manual\n    bridge-ports none\n"
    host.frr.write(INTERFACES, host.frr.read(INTERFACES) + others)

    status, report = confirmed(host, "release")

    assert (status, report["outcome"]) == (0, "applied"), report["error"]
    after = _outside(host)
    assert {**after, "stanza": ""} == {**before, "stanza": ""}
    assert NAME not in after["stanza"]
    assert after["stanza"].startswith(INSTALLED.rstrip("\n"))
    assert "iface vmbr7 inet manual" in after["stanza"]


def test_pending_network_changes_refuse_a_release(host: Host) -> None:  # noqa: F811
    assert host.commit(_whole()).outcome == "applied"
    host.frr.write(f"{INTERFACES}.new", "auto lo\n")
    before = _outside(host)
    run = host.agent("release")
    assert run.status == 3
    assert "there are network changes that nobody has applied yet" in run.said
    assert _outside(host) == before
