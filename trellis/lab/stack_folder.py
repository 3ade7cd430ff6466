"""The folder of a run: copies of the project's settings, the state, the engine's home, and its lock.

The repository's own Pulumi.yaml and stack file are read and never written. Deliberately elsewhere: what the
engine does in the folder (`trellis.lab.program`).
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from trellis.lab.deployment import DeploymentError, Problem, Request

_BUSY = "another run uses this stack"

# A stack file holds a whole site, and a run reads and writes it several times: libyaml's are eight times as fast.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@contextmanager
def alone(request: Request) -> Iterator[None]:
    """Hold the run's folder, so that two runs on one stack don't meet.

    Args:
        request: The run.

    Raises:
        DeploymentError: If another run holds it.
    """
    request.work_dir.mkdir(parents=True, exist_ok=True)
    with (request.work_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = Problem("", "", f"{_BUSY}: {request.work_dir}")
            raise DeploymentError(request.operation, (problem,), "wait for it to end") from None
        yield


def prepare(request: Request) -> None:
    """Lay the folder out: settings copied, state and home made.

    Args:
        request: The run.
    """
    work = request.work_dir
    for folder in (work, work / "state", work / "home"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    real_plugins = request.plugin_home / "plugins" if request.plugin_home else None
    if real_plugins is not None and real_plugins.is_dir() and not (work / "home" / "plugins").exists():
        (work / "home" / "plugins").symlink_to(real_plugins)
    shutil.copyfile(request.project_dir / "Pulumi.yaml", work / "Pulumi.yaml")
    name = f"Pulumi.{request.stack}.yaml"
    settings = settings_of(request.project_dir / name)
    if request.config is not None:
        settings["config"] = json.loads(json.dumps(request.config))
    if "encryptionsalt" not in settings:
        # The engine made a salt at the first run; with another one it could not read its own secrets.
        earlier = settings_of(work / name).get("encryptionsalt")
        settings |= {"encryptionsalt": earlier} if earlier else {}
    _write(work / name, yaml.dump(settings, Dumper=_Dumper, sort_keys=False))
    _lay_prefixes(request)
    _lay_policy(request)


def _lay_prefixes(request: Request) -> None:
    """The prefix file beside the stack file: the project's own, or what goes with another configuration."""
    name = f"Prefixes.{request.stack}.yaml"
    theirs, ours = request.project_dir / name, request.work_dir / name
    text = request.prefixes
    if request.config is None and theirs.is_file():
        text = theirs.read_text(encoding="utf-8")
    if text is None:
        ours.unlink(missing_ok=True)
    else:
        _write(ours, text)


def _lay_policy(request: Request) -> None:
    """The project's policy file, where the project's own stack file is what is run: another site has not to keep it."""
    theirs, ours = request.project_dir / "policy.yaml", request.work_dir / "policy.yaml"
    if request.config is None and theirs.is_file():
        _write(ours, theirs.read_text(encoding="utf-8"))
    else:
        ours.unlink(missing_ok=True)


def environment(request: Request) -> dict[str, str]:
    """The variables of the engine, its plugins and the program.

    Args:
        request: The run.

    Returns:
        Those that differ from this process's own.
    """
    path = os.environ.get("PATH", os.defpath)
    if request.plugin_dir is not None and str(request.plugin_dir) not in path.split(os.pathsep):
        path = f"{request.plugin_dir}{os.pathsep}{path}"
    acquisition = {} if request.plugin_dir is None else {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
    return {
        "PATH": path,
        "PULUMI_HOME": str(request.work_dir / "home"),
        "PULUMI_BACKEND_URL": f"file://{request.work_dir / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": request.passphrase,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_ERROR_OUTPUT_STRING": "true",
        **acquisition,
        **request.environment,
    }


def encrypt(request: Request) -> None:
    """Encrypt the secrets into the copy of the stack file; through a pipe, as arguments show in `ps`.

    Each one costs a start of the engine, so one that is unchanged is left as it is.

    Args:
        request: The run; its stack must be there.

    Raises:
        DeploymentError: If the engine refuses.
    """
    stack_file = request.work_dir / f"Pulumi.{request.stack}.yaml"
    marks_file = request.work_dir / "secrets.json"
    marks = json.loads(marks_file.read_text(encoding="utf-8")) if marks_file.is_file() else {}
    settings = settings_of(stack_file)
    for key, value in request.secrets.items():
        sealed = f"{settings.get('encryptionsalt')} {key}={value}".encode()
        mark = hmac.digest(request.passphrase.encode(), sealed, "sha256").hex()
        if marks.get(key, {}).get("mark") != mark:
            marks[key] = {"mark": mark, "secure": _encrypted(request, stack_file, key, value)}
            # Setting one made the salt, if there was none.
            settings |= {"encryptionsalt": settings_of(stack_file)["encryptionsalt"]}
        settings.setdefault("config", {})[key] = marks[key]["secure"]
    _write(stack_file, yaml.dump(settings, Dumper=_Dumper, sort_keys=False))
    _write(marks_file, json.dumps(marks))


def _encrypted(request: Request, stack_file: Path, key: str, value: str) -> dict[str, str]:
    """One secret as it stands in a stack file."""
    argv = [str(request.engine), "config", "set", "--secret", "--non-interactive", key]
    done = subprocess.run(
        [*argv, "--stack", request.stack],
        input=value,
        text=True,
        capture_output=True,
        cwd=request.work_dir,
        env={**os.environ, **environment(request)},
        check=False,
    )
    if done.returncode != 0:
        problem = Problem("", "", f"setting the secret {key}: {done.stderr.strip()}")
        raise DeploymentError(request.operation, (problem,))
    return dict(settings_of(stack_file)["config"][key])


def refuse_living_holder(request: Request) -> None:
    """Refuse to take the engine's lock over while the engine that holds it is still at work.

    We hold the folder's own lock, but the engine of a killed run may live on for a while.

    Args:
        request: The run.

    Raises:
        DeploymentError: If that engine lives.
    """
    locks = sorted((request.work_dir / "state" / ".pulumi" / "locks").rglob("*.json"))
    for holder in [int(json.loads(path.read_text(encoding="utf-8"))["pid"]) for path in locks]:
        if _alive(holder):
            problem = Problem("", "", f"{_BUSY}: an engine of a killed run is still at work, process {holder}")
            raise DeploymentError(request.operation, (problem,), "wait for it to end, or end that process")


def settings_of(path: Path) -> dict[str, Any]:
    """A settings file as a mapping.

    Args:
        path: Pulumi.yaml or a stack file.

    Returns:
        Its content; empty if it is not there.
    """
    if not path.is_file():
        return {}
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader) or {})  # noqa: S506 (a safe loader)


def _alive(pid: int) -> bool:
    """Whether a process is there and not a zombie, which has no command line any more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    """Write a file whole, readable by its owner only."""
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)
