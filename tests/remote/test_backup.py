"""`trellis backup` and `restore` on hosts that a real sshd plays: what is kept, what is refused, what is put back."""

from __future__ import annotations

import getpass
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ends.sshd import Sshd, free_port
from tests.remote.conftest import play_agent
from tests.sites import site_data
from trellis import remote
from trellis.agent import bundle
from trellis.cli import main
from trellis.lab import site_files
from trellis.plan import plan
from trellis.render import render
from trellis.render.manifest import signed_manifest
from trellis.site import load_site

Run = Callable[..., tuple[int, str, str]]
NOTHING: dict[str, Any] = {
    "files": {},
    **{kind: [] for kind in ("missing", "unexpected", "daemons", "sysctls", "loopbacks", "firewall", "units")},
}
# Which host is meant it hears from the address that was dialled.
_PLAYED = """
host="pve0$(echo "$SSH_CONNECTION" | cut -d' ' -f3 | cut -d. -f4)"
case "$COMMAND" in
  restore) cat > "$FOLDER/restored-$host"; [ ! -e "$FOLDER/fails-$host" ] || { cat "$FOLDER/fails-$host"; exit 3; }
           echo "$host" >> "$FOLDER/order"; echo '{"outcome": "applied"}' ;;
  check) cat > /dev/null; cat "$FOLDER/check-$host" ;;
  *) cat "$FOLDER/committed-$host" ;;
esac
"""


class Fabric:
    """Three hosts at one sshd, each with what it committed last."""

    def __init__(self, served: Sshd, folder: Path) -> None:
        self.served = served
        self.folder = folder
        self.data = site_data("homelab")
        key = " ".join(served.host_key.split()[:2])
        for number, host in enumerate(self.data["hosts"].values(), start=1):
            host["ssh"] = {"address": f"127.0.0.{number}", "port": served.port, "user": "trellis", "host_key": key}
        self.write()
        self.manifests = {one.host: signed_manifest(one) for one in render(plan(load_site(self.data)))}
        for host, (text, digest) in self.manifests.items():
            self.committed(host, {"digest": digest, "manifest": text})
            self.checked(host)
        play_agent(served, _PLAYED)

    def write(self) -> None:
        self.file = site_files.write(self.folder, "dev", self.data)

    def committed(self, host: str, what: dict[str, str] | None) -> None:
        self.say(f"committed-{host}", {"host": host, "committed": what, "frozen": None})

    def checked(self, host: str, committed: str = "", **more: Any) -> None:
        digest = self.manifests[host][1]
        changes = {name: more.pop(name) for name in [*more] if name in NOTHING}
        answer = {"digest": digest, "same": not changes, "lacking": [], "host_differs": [], "frozen": None, **more}
        self.say(f"check-{host}", {**answer, "committed": committed or digest, "differences": {**NOTHING, **changes}})

    def say(self, name: str, what: dict[str, Any]) -> None:
        (self.served.folder / name).write_text(json.dumps(what))

    @property
    def order(self) -> list[str]:
        file = self.served.folder / "order"
        return file.read_text().splitlines() if file.exists() else []

    def away(self, host: str) -> None:
        self.data["hosts"][host]["ssh"]["port"] = free_port()
        self.write()


@pytest.fixture
def fabric(served: Sshd, tmp_path: Path) -> Fabric:
    return Fabric(served, tmp_path)


@pytest.fixture
def run(fabric: Fabric, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `trellis` on that site."""
    as_in_the_site = remote.login_of
    # A site refuses root, and no other user of this machine can be counted on.
    monkeypatch.setattr(remote, "login_of", lambda *of: as_in_the_site(*of).as_user(getpass.getuser()))
    monkeypatch.setattr(bundle, "invocation", lambda command: f"sudo -n agent.py {command}")
    monkeypatch.chdir(fabric.folder)

    def run_it(*words: str) -> tuple[int, str, str]:
        key = str(fabric.served.folder / "client_key")
        monkeypatch.setattr(sys, "argv", ["trellis", *words, "--file", str(fabric.file), "--identity", key])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run_it


@pytest.fixture
def kept(run: Run, fabric: Fabric) -> Path:
    """A whole backup."""
    path = fabric.folder / "fabric.trellis-backup"
    assert run("backup", "--output", str(path))[0] == 0
    return path


def test_a_backup_has_what_each_host_committed_and_is_its_owners_alone(run: Run, fabric: Fabric) -> None:
    status, out, _ = run("backup")
    (path,) = fabric.folder.glob("homelab-*.trellis-backup")
    assert status == 0
    assert f"{path.name}: 3 of 3 hosts" in out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = json.loads(path.read_text().partition("\n")[2])
    assert {host: "\n".join(one["manifest"]) for host, one in found["hosts"].items()} == {
        host: text for host, (text, _) in fabric.manifests.items()
    }


def test_a_host_that_is_away_is_named_in_the_file_and_a_whole_backup_is_not_replaced_by_that(
    run: Run, fabric: Fabric, kept: Path
) -> None:
    fabric.away("pve03")
    before = kept.read_bytes()
    status, out, err = run("backup", "--output", str(kept))
    assert (status, out, kept.read_bytes()) == (1, "", before)
    assert f"{kept} is there, and stays: the new one would lack pve03\n  pve03: connect: 127.0.0.3:" in err
    status, out, _ = run("backup", "--output", "new", "--json")
    told = json.loads(out)
    assert (status, told["whole"], sorted(told["hosts"])) == (1, False, ["pve01", "pve02"])
    assert "connect: " in json.loads(Path("new").read_text().partition("\n")[2])["without"]["pve03"]


def test_a_host_on_which_nothing_was_deployed_is_no_failure(run: Run, fabric: Fabric) -> None:
    fabric.committed("pve02", None)
    status, out, _ = run("backup", "--output", "new")
    assert status == 0
    assert "pve02: NOT in it: nothing of ours is in force there" in out
    for host in ("pve01", "pve03"):
        fabric.committed(host, None)
    status, _, err = run("backup", "--output", "none")
    assert (status, Path("none").exists()) == (1, False)
    assert "no host gave anything to keep" in err


def test_what_a_host_says_that_is_not_whole_is_not_kept(run: Run, fabric: Fabric) -> None:
    text, digest = fabric.manifests["pve01"]
    fabric.committed("pve01", {"digest": digest, "manifest": text.replace("4200001000", "4200001001")})
    status, out, _ = run("backup", "--output", "new")
    assert status == 1
    assert "pve01: NOT in it: pve01: manifest: digest: " in out


def test_an_agent_that_does_not_know_the_question_says_so(run: Run, fabric: Fabric) -> None:
    play_agent(fabric.served, 'echo "pve01: the agent is another one; run \\`trellis install pve01\\`" >&2; exit 3')
    status, _, err = run("backup")
    assert status == 1
    assert "run `trellis install pve01`" in err


def test_a_dry_run_shows_differences_and_changes_nothing(run: Run, fabric: Fabric, kept: Path) -> None:
    assert run("restore", str(kept), "--dry-run")[0] == 0
    fabric.checked("pve02", committed="ef" * 32, unexpected=["ip route 10.9.0.0/16 blackhole"])
    status, out, _ = run("restore", str(kept), "--dry-run")
    assert status == 1
    assert "pve01: as in the backup: " in out
    assert f"pve02: differs: backup {fabric.manifests['pve02'][1][:12]}, before efefefefefef" in out
    assert "  running configuration: has, and should not: ip route 10.9.0.0/16 blackhole" in out
    assert fabric.order == []


def test_a_restore_is_one_host_after_the_other_in_the_order_of_a_run(run: Run, fabric: Fabric, kept: Path) -> None:
    fabric.data["rollout"] = {"canary": "pve03"}
    fabric.write()
    status, out, _ = run("restore", str(kept), "--yes")
    assert (status, fabric.order) == (0, ["pve03", "pve01", "pve02"])
    assert "pve03: applied" in out
    for host, (text, _) in fabric.manifests.items():
        assert (fabric.served.folder / f"restored-{host}").read_text() == text


def test_named_hosts_alone_are_restored(run: Run, fabric: Fabric, kept: Path) -> None:
    assert run("restore", str(kept), "pve02", "--yes")[0] == 0
    assert fabric.order == ["pve02"]


def test_a_host_in_maintenance_is_left_out_unless_it_is_named(run: Run, fabric: Fabric, kept: Path) -> None:
    fabric.data["hosts"]["pve01"]["maintenance"] = "new disks"
    fabric.write()
    _, _, err = run("restore", str(kept), "--yes")
    assert fabric.order == ["pve02", "pve03"]
    assert "pve01 is left out: it is in maintenance: new disks" in err
    run("restore", str(kept), "pve01", "--yes")
    assert fabric.order[-1] == "pve01"


def test_the_first_host_that_fails_ends_it_and_it_is_said_what_to_do(run: Run, fabric: Fabric, kept: Path) -> None:
    error = {"what": "FRR 10.7 is installed", "why": "it was rendered for 10.3", "remedy": "install 10.3"}
    fabric.say("fails-pve02", {"outcome": "refused", "failed_step": "host", "error": error})
    status, out, err = run("restore", str(kept), "--yes")
    assert (status, fabric.order) == (2, ["pve01"])
    assert "pve02: restore: host: FRR 10.7 is installed: it was rendered for 10.3\n  remedy: install 10.3" in err
    assert "restored before: pve01; not begun: pve03" in err
    assert "mend pve02, and run the same again" in err
    assert "trellis rollback pve01 N" in err
    assert "pve01: applied" in out
    assert "pve03: not begun" in out


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda of: of.checked("pve03", frozen={"reason": "INC-7", "owner": "ada", "since": "2026"}),
         "pve03: it is frozen: INC-7 (ada, since 2026); `trellis thaw pve03` ends that"),
        (lambda of: of.checked("pve03", host_differs=["FRR 10.7 is installed: the configuration is for 10.3"]),
         "pve03: FRR 10.7 is installed"),
        (lambda of: of.checked("pve03", lacking=[{"value": "radvd", "rule": "it is there", "remedy": "install it"}]),
         "pve03: it lacks radvd: it is there; install it"),
        (lambda of: of.away("pve03"), "pve03: connect: 127.0.0.3:"),
    ],
)  # fmt: skip
def test_nothing_is_begun_while_a_host_would_refuse(
    run: Run, fabric: Fabric, kept: Path, spoil: Callable[[Fabric], None], said: str
) -> None:
    spoil(fabric)
    status, out, err = run("restore", str(kept), "--yes")
    assert (status, out, fabric.order) == (1, "", [])
    assert "nothing was changed on any host" in err
    assert said in err
    assert run("restore", str(kept), "pve01", "--yes")[0] == 0


def test_a_file_of_another_site_or_key_or_with_other_digests_is_refused(run: Run, fabric: Fabric, kept: Path) -> None:
    text = kept.read_text()
    kept.write_text(text.replace("4200001000", "4200001001", 1))
    status, _, err = run("restore", str(kept), "--yes")
    assert (status, "is refused, and nothing was changed" in err, "edited or damaged" in err) == (2, True, True)
    kept.write_text(text)
    fabric.data["name"] = "other"
    fabric.write()
    assert "it is a backup of the site homelab, and this is other" in run("restore", str(kept), "--yes")[2]
    fabric.data["name"] = "homelab"
    other = site_data("homelab")["hosts"]["pve02"]["ssh"]["host_key"]
    fabric.data["hosts"]["pve02"]["ssh"]["host_key"] = other
    fabric.write()
    status, _, err = run("restore", str(kept), "--yes")
    assert (status, f"and the site pins {other}" in err, fabric.order) == (2, True, [])


def test_a_file_that_others_may_write_or_that_is_none_is_refused(run: Run, kept: Path) -> None:
    kept.chmod(0o620)
    assert "its mode is 0620: others may have written it" in run("restore", str(kept), "--yes")[2]
    assert "No such file" in run("restore", "nowhere", "--yes")[2]
    kept.chmod(0o600)
    kept.write_bytes(b"\xff\xfe")
    assert "it is no text" in run("restore", str(kept), "--yes")[2]


def test_a_host_that_the_backup_lacks_is_named_with_the_reason(run: Run, fabric: Fabric) -> None:
    fabric.committed("pve02", None)
    run("backup", "--output", "new")
    status, _, err = run("restore", "new", "pve02", "pve09", "--yes")
    assert status == 2
    assert "pve02: nothing of ours is in force there" in err
    assert "pve09: it was no host of the site then" in err


def test_a_backup_of_another_time_says_that_the_site_gives_something_else_and_how_to_keep_it(
    run: Run, fabric: Fabric, kept: Path
) -> None:
    fabric.data["fabric"]["hold_time_s"] = 60
    fabric.write()
    status, out, _ = run("restore", str(kept), "--yes")
    assert status == 0
    assert "The site gives pve01, pve02, pve03 something else than the backup has." in out
    assert "put the site back as it was at that time and run `pulumi up`" in out


def test_without_anybody_to_ask_it_wants_to_be_told_yes(run: Run, fabric: Fabric, kept: Path) -> None:
    status, _, err = run("restore", str(kept))
    assert (status, "add --yes" in err, fabric.order) == (2, True, [])
