"""The agent's commands.

    agent.py prepare  < part of it see that the host has what it needs, and give it its loopbacks; before SDN is applied
    agent.py commit   < manifest   put a manifest into force; answers with one JSON report
    agent.py confirm DIGEST        confirm a commit that waits for it
    agent.py take-back DIGEST      take back a change whose agent died; a timer calls it
    agent.py recover               at boot: put back the files of a change that was cut off, before FRR reads them
    agent.py check  [--manifest]   compare the host with what was committed, or with a manifest on standard input
    agent.py guard                 mend what is ours of what others did to this host, tell the rest (systemd calls it)
    agent.py observe               tell what guests' sessions and routes are, as they change, while anybody reads
    agent.py route VRF PEER PREFIX what the tables here say of one route of one guest
    agent.py live     < pings      what the control plane does here now, and which pings come back
    agent.py transit [ADDRESS...]  what this host forwards, and which routes here go by another host's addresses
    agent.py status                what was committed, what is under way, who holds the lock
    agent.py secrets  < values     keep what the next commit needs of secrets; put changed ones into force
    agent.py history [N]           what was committed here and when; or one commit, and what going back to it changes
    agent.py committed             what was committed last, whole, as a backup keeps it
    agent.py rollback N            put what commit N had into force again
    agent.py restore < manifest    put what a backup has of this host into force again
    agent.py repair                put what was committed last into force again, over what somebody edited
    agent.py adopt < manifest      what a first deploy of a manifest would replace here
    agent.py release               give back what this host had before the first deploy
    agent.py freeze --reason R --owner O      refuse every change until `thaw`
    agent.py drain --reason R --owner O       have others send around this host until `undrain`
    agent.py install --user NAME --key KEY    put this agent, its deploy user and its units on the host; by root alone
    agent.py uninstall             take them away again; what the host runs stays

Standard output is JSON for programs, standard error is for people. Exit status: 0 done, or nothing to do, or no
difference; 1 `check` found differences; 2 a manifest or a command line that is none; 3 refused, nothing changed;
4 failed, and everything is as before; 5 failed, and the host needs somebody; 75 `confirm` must come again over a new
connection.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from dataclasses import asdict
from typing import Any

from trellis.agent import advertising, drain, freeze, frr, outside, recovery, state, vault
from trellis.agent.confirm import EXIT_COME_AGAIN, WAIT_S, ComeAgain, confirm
from trellis.agent.host import Differences, differences, differences_outside, other_than_meant
from trellis.agent.itself import own_digest, refuse_another
from trellis.agent.lock import holder
from trellis.agent.manifest import BadManifest, parse, parse_preparation
from trellis.agent.prepare import prepare
from trellis.agent.report import EXIT_BAD_MANIFEST, EXIT_STATUS, SCHEMA_VERSION, Fault, Report, answer, say
from trellis.agent.target import deploy
from trellis.agent.transaction import commit

OPERATORS = (
    *("history", "committed", "rollback", "restore", "repair", "freeze", "thaw"),
    *("drain", "undrain", "adopt", "release"),
)
"""The commands of `operate`, which is read only when one of them is given."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="agent.py", description="Puts a host's FRR bundle into force, or none of it.")
    parser.add_argument("--agent", metavar="SHA256", help="which agent its caller means; another one refuses to work")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="see that the host has what it needs, and give it its loopbacks")
    commands.add_parser("commit", help="put the manifest on standard input into force")
    confirming = commands.add_parser("confirm", help="confirm a commit that waits for it")
    confirming.add_argument("digest")
    confirming.add_argument("--within-s", type=float, default=WAIT_S, help="how long to wait for the commit")
    confirming.add_argument("--ask-first", action="store_true", help="be told to come again by a change that waits")
    confirming.add_argument("--with-commit", action="store_true", help="its commit is sent at the same time")
    taking_back = commands.add_parser("take-back", help="take back a change whose agent died; a timer calls it")
    taking_back.add_argument("digest")
    commands.add_parser("recover", help="at boot: put back the files of a change that was cut off")
    checking = commands.add_parser("check", help="compare the host with what was committed; changes nothing")
    checking.add_argument("--manifest", action="store_true", help="compare with the manifest on standard input")
    guarding = commands.add_parser("guard", help="mend what is ours of what others did to this host, and tell the rest")
    guarding.add_argument("--patience-s", type=float, default=0, help="how long to wait for a change under way to end")
    observing = commands.add_parser("observe", help="tell what guests' sessions and routes are, while anybody reads")
    observing.add_argument("--every-s", type=float, default=1.0, help="seconds from look to look")
    observing.add_argument("--whole-every-s", type=float, default=30.0, help="seconds between whole lines")
    observing.add_argument("--once", action="store_true", help="write one whole line and end")
    following = commands.add_parser("route", help="what the tables here say of one route of one guest")
    for name, what in (("vrf", "the zone's VRF"), ("peer", "the guest's address"), ("prefix", "what it announces")):
        following.add_argument(name, help=what)
    commands.add_parser("live", help="what the control plane does here now, and which pings come back")
    passing = commands.add_parser("transit", help="what this host forwards, and which routes go by another one")
    passing.add_argument("by", nargs="*", metavar="ADDRESS", help="an address of another host")
    commands.add_parser("status", help="what was committed, what is under way, who holds the lock")
    installing = commands.add_parser("install", help="put this agent, its deploy user and its units on the host")
    installing.add_argument("--user", required=True, help="the deploy user")
    installing.add_argument("--key", action="append", default=[], help="a public key that it logs in with")
    installing.add_argument("--observer-key", action="append", default=[], help="one of who may observe, and no more")
    commands.add_parser("uninstall", help="take away what install brought; what the host runs stays")
    commands.add_parser("secrets", help="keep the secrets on standard input, and put changed ones into force")
    _add_operators_commands(commands)
    try:
        if (meant := _meant_agent(arguments)) is not None:
            refuse_another(meant)
        options = parser.parse_args(arguments)
        if os.geteuid() != 0:
            raise Fault("agent.py", "it must run as root", "use sudo")
    except Fault as fault:
        _say_fault(fault)
        return EXIT_STATUS["refused"]
    os.umask(0o077)
    vault.load_quietly()
    return _run(options)


def _add_operators_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The commands of `operate`, which is read only when one of them is given."""
    past = commands.add_parser("history", help="what was committed here, and when")
    past.add_argument("number", type=int, nargs="?", help="one commit, and what going back to it would change")
    commands.add_parser("committed", help="what was committed last, whole")
    commands.add_parser("restore", help="put the manifest on standard input, of a backup, into force again")
    commands.add_parser("rollback", help="put an earlier commit into force again").add_argument("number", type=int)
    commands.add_parser("repair", help="put what was committed last into force again")
    freezing = commands.add_parser("freeze", help="refuse every change until it is thawed")
    freezing.add_argument("--reason", required=True)
    freezing.add_argument("--owner", required=True)
    commands.add_parser("thaw", help="end a freeze")
    draining = commands.add_parser("drain", help="have others send around this host until it is undrained")
    draining.add_argument("--reason", required=True)
    draining.add_argument("--owner", required=True)
    draining.add_argument("--moved", default="", help="guests that were moved away for it, by comma")
    commands.add_parser("undrain", help="end a drain")
    commands.add_parser("adopt", help="what a first deploy of the manifest on standard input would replace")
    commands.add_parser("release", help="give back the configuration from before the first deploy")


def _run(options: argparse.Namespace) -> int:  # noqa: C901, PLR0911, PLR0912 - one for each command
    try:
        match options.command:
            case "prepare" | "commit":
                return _change(options.command, _standard_input())
            case "confirm":
                return _confirm(options)
            case "take-back":
                return _take_back(options.digest)
            case "recover":
                return _recover()
            case "check":
                return _check(_standard_input() if options.manifest else _committed_manifest())
            case "secrets":
                return _secrets(_standard_input())
            case "install" | "uninstall":
                return _installation(options)
            case "observe":
                from trellis.agent.observe import observe  # noqa: PLC0415 - nobody else needs it

                return observe(options.every_s, options.whole_every_s, once=options.once)
            case "route" | "transit":
                return _looked(options)
            case "live":
                return _live(_standard_input())
            case command if command in OPERATORS:
                from trellis.agent import operate  # noqa: PLC0415 - nobody else needs it

                return operate.run(options, _standard_input() if options.command in ("adopt", "restore") else "")
            case command:
                return _guard(options.patience_s) if command == "guard" else _status()
    except BadManifest as bad:
        for problem in bad.problems:
            say(f"manifest: {problem}")
        return EXIT_BAD_MANIFEST


def _meant_agent(arguments: list[str] | None) -> str | None:
    """Which agent the caller means: read before its command, which another version may not even know."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--agent")
    meant: str | None = early.parse_known_args(arguments)[0].agent
    return meant


def _change(command: str, text: str) -> int:
    try:
        if command == "prepare":
            wanted = parse_preparation(text)
            report = Report(wanted.host, wanted.digest)
            prepare(wanted, report)
        else:
            manifest = drain.meant(text)
            report = Report(manifest.host, manifest.digest)
            commit(deploy(manifest, text), report)
    except BadManifest as bad:
        report = Report(bad.host, bad.digest)
        report.fail("manifest", Fault("the manifest", "; ".join(bad.problems), "mend what makes it; nothing was done"))
        with contextlib.suppress(Fault, OSError):
            state.remember_end(bad.digest, report.outcome, f"manifest: {bad}")
        answer(report.text())
        raise
    say(f"{report.host}: {report.outcome}")
    answer(report.text())
    return EXIT_STATUS[report.outcome]


def _installation(options: argparse.Namespace) -> int:
    from trellis.agent.install import install, uninstall  # noqa: PLC0415 - nobody else needs it

    report = Report(os.uname().nodename, own_digest())
    if options.command == "install":
        install(options.user, options.key, report, options.observer_key)
    else:
        uninstall(report)
    say(f"{report.host}: {options.command}: {report.outcome}")
    answer(report.text())
    return EXIT_STATUS[report.outcome]


def _guard(patience_s: float) -> int:
    from trellis.agent.guard import guard  # noqa: PLC0415 - systemd's alone

    guarded = guard(patience_s)
    _answer(asdict(guarded))
    return guarded.status


def _looked(options: argparse.Namespace) -> int:
    from trellis.agent.route import route  # noqa: PLC0415 - nobody else needs it
    from trellis.agent.transit import transit  # noqa: PLC0415 - nobody else needs it

    try:
        of_route = options.command == "route"
        _answer(route(options.vrf, options.peer, options.prefix) if of_route else transit(options.by))
    except Fault as fault:
        _say_fault(fault)
        return EXIT_STATUS["refused"]
    return 0


def _live(text: str) -> int:
    from trellis.agent.live import live  # noqa: PLC0415 - nobody else needs it

    try:
        _answer(live(text))
    except Fault as fault:
        _say_fault(fault)
        return EXIT_STATUS["refused"]
    return 0


def _secrets(text: str) -> int:
    from trellis.agent import secrets  # noqa: PLC0415 - nobody else needs it

    host, _ = secrets.given(text)
    report = Report(host, "")
    secrets.put(text, report)
    say(f"{report.host}: secrets: {report.outcome}")
    answer(report.text())
    return EXIT_STATUS[report.outcome]


def _confirm(options: argparse.Namespace) -> int:
    digest = options.digest
    try:
        outcome = confirm(digest, options.within_s, ask_first=options.ask_first, with_commit=options.with_commit)
    except ComeAgain as again:
        say(f"{os.uname().nodename}: {again.what}")
        return EXIT_COME_AGAIN
    except Fault as fault:
        _say_fault(fault)
        return EXIT_STATUS["refused"]
    _answer({"digest": digest, "outcome": outcome})
    return 0


def _take_back(digest: str) -> int:
    report = Report(os.uname().nodename, digest)
    recovery.take_back(digest, report)
    if report.steps:
        say(f"{report.host}: {report.outcome}")
        answer(report.text())
    return EXIT_STATUS["broken"] if report.error else 0


def _recover() -> int:
    try:
        say(f"{os.uname().nodename}: {recovery.at_boot()}")
    except Fault as fault:
        _say_fault(fault)
        return EXIT_STATUS["broken"]
    return 0


def _check(text: str | None) -> int:
    if text is None:
        say("check: nothing was ever committed on this host")
        return EXIT_STATUS["refused"]
    manifest = drain.meant(text)
    last, frozen, drained = state.committed(), freeze.frozen(), drain.drained()
    try:
        found = differences(manifest)
        lacking = outside.lacking(manifest.preconditions, manifest.loopbacks, manifest.kind)
        lacking += advertising.second_senders(manifest)
        strange = other_than_meant(manifest)
    except Fault as fault:
        _say_fault(fault)
        return EXIT_STATUS["refused"]
    same = not found and not lacking and not strange
    _answer(
        {
            "digest": manifest.digest,
            "same": same,
            "differences": asdict(found),
            "lacking": [asdict(refusal) for refusal in lacking],
            "host_differs": strange,
            "committed": last.digest if last else None,
            "frozen": asdict(frozen) if frozen else None,
            "drained": asdict(drained) if drained else None,
        }
    )
    return 0 if same else 1


def _status() -> int:
    last, change = state.committed(), state.under_way()
    try:
        frr_state: dict[str, Any] = {"version": frr.version(), "daemons": sorted(frr.alive())}
    except Fault as fault:
        frr_state = {"error": str(fault)}
    _answer(
        {
            "committed": {"digest": last.digest, "backup": last.backup} if last else None,
            "under_way": asdict(change) if change else None,
            "lock": holder(),
            "frr": frr_state,
            "outside_frr": _outside_frr(last.manifest) if last else None,
        }
    )
    return 0


def _outside_frr(text: str) -> dict[str, Any]:
    """In what loopbacks, firewall and units are not as was committed."""
    found = Differences()
    try:
        differences_outside(parse(text), found)
    except (Fault, BadManifest) as error:
        return {"error": str(error)}
    return {"loopbacks": found.loopbacks, "firewall": found.firewall, "units": found.units}


def _standard_input() -> str:
    # What is no UTF-8 becomes other text here, and then the digest no longer fits.
    return sys.stdin.buffer.read().decode(errors="replace")


def _committed_manifest() -> str | None:
    last = state.committed()
    return last.manifest if last else None


def _answer(content: dict[str, Any]) -> None:
    answer(json.dumps({"schema_version": SCHEMA_VERSION, "host": os.uname().nodename, **content}, indent=2))


def _say_fault(fault: Fault) -> None:
    say(f"{os.uname().nodename}: {fault.what}: {fault.why}; {fault.remedy}")


if __name__ == "__main__":
    sys.exit(main())
