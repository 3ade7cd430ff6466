"""A change over SSH: confirmed over a connection of its own, and never said to be done when the host says no."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.ends.sshd import Sshd, free_port
from tests.remote.conftest import login_at, play_agent
from trellis.agent import bundle
from trellis.remote import Login, Unreached, ask_agent, transact

DIGEST = "ab" * 32
# Says that it waits, and takes the change back unless `confirmed` appears within some seconds.
WAITS = f"""
case "$COMMAND" in
  confirm) {{confirming}} ;;
  *)
    echo "pve01: reload FRR (0.10 s)" >&2
    echo "pve01: awaiting confirmation of {DIGEST}" >&2
    for n in $(seq 60); do [ -e "$FOLDER/confirmed" ] && break; sleep 0.1; done
    [ -e "$FOLDER/confirmed" ] || {{{{ echo '{{{{"outcome": "restored"}}}}'; exit 4; }}}}
    echo '{{{{"outcome": "applied"}}}}' ;;
esac
"""
CONFIRMS = 'echo "$LAST" > "$FOLDER/confirmed"; echo "$SSH_CONNECTION" > "$FOLDER/how"; echo "{}"'


@pytest.fixture(autouse=True)
def _agent_without_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no agent installed, and the stand-in for sudo needs none."""
    monkeypatch.setattr(bundle, "invocation", lambda command: f"sudo -n agent.py {command}")


def test_a_change_is_confirmed_over_a_connection_of_its_own(served: Sshd) -> None:
    play_agent(served, WAITS.format(confirming=CONFIRMS))
    heard: list[str] = []
    done = transact(login_at(served), "rollback 3", on_line=heard.append)
    assert (done.status, done.report, done.confirmations) == (0, {"outcome": "applied"}, 1)
    assert heard[0] == "pve01: reload FRR (0.10 s)"
    assert (served.folder / "confirmed").read_text() == DIGEST + "\n"
    assert served.connections == 2


def test_a_confirmation_that_is_asked_to_come_again_comes_over_another_connection(served: Sshd) -> None:
    again = f'if [ -e "$FOLDER/once" ]; then {CONFIRMS}; else touch "$FOLDER/once"; exit 75; fi'
    play_agent(served, WAITS.format(confirming=again))
    done = transact(login_at(served), "repair")
    assert (done.status, done.confirmations) == (0, 2)
    assert served.connections == 3


def test_a_host_that_lets_nobody_in_any_more_is_said_to_have_taken_the_change_back(served: Sshd) -> None:
    # What is asked for next is met by an sshd that has no key of ours any more, as after a bad change.
    play_agent(served, 'mv "$FOLDER/authorized_keys" "$FOLDER/gone"\n' + WAITS.format(confirming=CONFIRMS))
    done = transact(login_at(served), "release")
    assert (done.status, done.report["outcome"]) == (4, "restored")
    assert done.confirmations >= 2


def test_a_command_that_waits_for_nobody_is_not_confirmed(served: Sshd) -> None:
    play_agent(served, 'echo \'{"outcome": "unchanged"}\'')
    assert transact(login_at(served), "repair").confirmations == 0
    assert served.connections == 1


def test_an_agent_that_is_cut_off_without_a_report_is_no_success(served: Sshd) -> None:
    play_agent(served, "echo 'Traceback' >&2; exit 1")
    done = transact(login_at(served), "repair")
    assert (done.status, done.report, done.said) == (1, {}, "Traceback\n")
    play_agent(served, "exit 0")
    with pytest.raises(Unreached, match="it ended well, but reported nothing"):
        transact(login_at(served), "repair")


def test_a_connection_lost_during_a_change_says_what_becomes_of_it(served: Sshd) -> None:
    climb = 'while [[ "$(ps -o comm= -p $P)" != sshd* ]]; do P=$(ps -o ppid= -p $P | tr -d " "); done'
    play_agent(served, f"P=$$; {climb}; kill -9 $P; sleep 20")
    with pytest.raises(Unreached) as caught:
        transact(login_at(served), "repair")
    assert caught.value.step == "run"
    assert "takes the change back by itself" in caught.value.remedy


def test_a_host_that_cannot_be_reached_is_refused_before_anything(served: Sshd) -> None:
    login = login_at(served)
    nowhere = Login("pve09", "127.0.0.1", free_port(), "root", login.host_key, login.keys)
    for ask in (lambda: transact(nowhere, "repair"), lambda: ask_agent(nowhere, "status")):
        with pytest.raises(Unreached, match=r"pve09: connect: 127\.0\.0\.1"):
            ask()


def test_the_key_stands_in_no_argument_of_any_process(served: Sshd) -> None:
    play_agent(served, 'ps axww -o args= > "$FOLDER/processes"; echo "[1]"')
    before = {entry.name for entry in Path("/tmp").iterdir()}
    transact(login_at(served), "repair")
    secret = served.private_key.splitlines()[2]
    assert secret not in (served.folder / "processes").read_text()
    assert not [entry for entry in Path("/tmp").iterdir() if entry.name not in before and "key" in entry.name]


def test_a_stopped_host_costs_its_limits_and_names_the_step(served: Sshd) -> None:
    served.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(Unreached, match="pve01: connect"):
            ask_agent(login_at(served), "status")
    finally:
        served.process.send_signal(signal.SIGCONT)
