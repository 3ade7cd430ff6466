"""What somebody edited on a host since the last commit: named, and not overwritten."""

from __future__ import annotations

import pytest

from tests.agent.conftest import BASE, ROUTE, WITH_ROUTE, Host, with_line
from tests.agent.documents import CONFIG, document, file
from tests.agent.tables import files, firewall

pytestmark = pytest.mark.frr

_OTHER = [*BASE[:-1], "ip route 10.7.0.0/16 blackhole", "end"]


def test_a_line_that_somebody_added_or_took_away_is_named_and_stays_as_it_is(host: Host) -> None:
    host.frr.vtysh("configure", ROUTE, "router ospf", "no passive-interface default")
    before, running = host.config(), host.frr.running_config()
    run = host.commit(document(_OTHER))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "drift")
    assert "missing: router ospf > passive-interface default" in run.why
    assert f"added: {ROUTE}" in run.why
    assert "trellis repair pve01" in run.report["error"]["remedy"]
    assert (host.config(), host.frr.running_config()) == (before, running)


def test_an_edit_that_has_been_put_into_the_site_is_none_any_more(host: Host) -> None:
    host.frr.vtysh("configure", ROUTE)
    run = host.commit(document(WITH_ROUTE))
    assert run.outcome == "applied", run.report
    host.frr.vtysh("configure", f"no {ROUTE}")
    assert host.commit(document(BASE)).outcome == "applied"


def test_an_edited_file_is_named_and_not_overwritten(host: Host) -> None:
    assert host.commit(document(BASE, file("/etc/frr/frr.conf.local", ["! ours"]))).outcome == "applied"
    host.frr.write("/etc/frr/frr.conf.local", "! theirs\n", 0o644)
    run = host.commit(document(WITH_ROUTE, file("/etc/frr/frr.conf.local", ["! new"])))
    assert (run.status, run.failed_step) == (3, "drift")
    assert "/etc/frr/frr.conf.local: content" in run.why
    assert host.frr.read("/etc/frr/frr.conf.local") == "! theirs\n"
    run = host.commit(document(WITH_ROUTE, file("/etc/frr/frr.conf.local", ["! theirs"])))
    assert run.outcome == "applied", run.report


def test_a_frr_conf_edited_and_not_loaded_is_named_by_its_lines(host: Host) -> None:
    host.frr.write(CONFIG, "\n".join(WITH_ROUTE) + "\n", 0o640)
    run = host.commit(document(_OTHER))
    assert (run.status, run.failed_step) == (3, "drift")
    assert run.why == f"{CONFIG}: added: {ROUTE}"


def test_a_rule_that_somebody_added_to_our_table_is_named_and_a_table_that_was_flushed_is_not_held_against_anybody(
    host: Host,
) -> None:
    assert host.commit(document(BASE, *files(), **firewall())).outcome == "applied"
    host.frr.run(["nft", "add", "rule", "inet", "trellis", "ingress", "counter"])
    run = host.commit(document(WITH_ROUTE, *files(), **firewall()))
    assert (run.status, run.failed_step) == (3, "drift")
    assert run.why == "the firewall: unexpected: counter"
    host.frr.run(["nft", "flush", "ruleset"])
    assert host.commit(document(WITH_ROUTE, *files(), **firewall())).outcome == "applied"


def test_what_an_sdn_apply_makes_of_the_old_files_is_no_drift(host: Host) -> None:
    between = with_line("hostname pve01", f"hostname pve01\n{ROUTE}")
    host.frr.vtysh("configure", ROUTE)
    assert host.commit(document(_OTHER)).failed_step == "drift"
    remember = "from trellis.agent import state; import sys; state.expect(sys.stdin.read())"
    load = "import runpy, sys; sys.argv=['agent.py']; runpy.run_path('/usr/local/lib/trellis/agent.py')"
    ended = host.frr.run(["python3", "-c", f"{load}; {remember}"], "\n".join(between))
    assert ended.status == 0, ended.text
    run = host.commit(document(_OTHER))
    assert run.outcome == "applied", run.report
    assert not host.frr.path("/var/lib/trellis/expected.json").exists()
