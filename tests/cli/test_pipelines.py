"""The examples of pipelines: what they run exists with these options, and they keep the promises of their comments."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from trellis.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples" / "pipelines"
WORKFLOW = EXAMPLES / "prefixes.yaml"
UNITS = sorted((EXAMPLES / "systemd").iterdir())


def workflow() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())
    found["on"] = found.pop(True)  # YAML 1.1 takes `on` for a truth
    return found


def scripts() -> dict[str, str]:
    """Each step's script, by its name."""
    steps = [step for job in workflow()["jobs"].values() for step in job["steps"]]
    return {step["name"]: step["run"] for step in steps if "run" in step}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


def commands() -> Iterator[list[str]]:
    """Each call of trellis, as words after its name."""
    lines = [line.strip() for script in scripts().values() for line in script.splitlines()]
    for path in UNITS:
        lines += [value for section in unit(path).values() for key, value in section.items() if key == "ExecStart"]
    for line in lines:
        found = re.search(r"(?:^|/|uv run )trellis (.+?)(?: > .*)?$", line)
        if found is not None and "ExecStart" not in line:
            yield shlex.split(found[1])


def understood(words: list[str]) -> str:
    """Have the command line read a call without running it, and return the command's name."""
    command: Any = typer.main.get_command(app)
    context, path = command.context_class(command), []
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        path.append(name)
        context = command.context_class(command, parent=context)
    command.parse_args(context, words)
    return " ".join(path)


def test_each_call_of_trellis_is_one_that_it_takes() -> None:
    called = [understood(words) for words in commands()]
    assert called == ["prefixes expire", "prefixes sync", "plan", "prefixes check", "prefixes sync"]


def test_each_call_in_the_page_for_operators_is_one_that_trellis_takes() -> None:
    page = (EXAMPLES.parents[1] / "docs" / "prefixes.md").read_text().replace("\\\n", "")
    called = [understood(shlex.split(line)) for line in re.findall(r"^(?:\$ )?trellis (.+)$", page, re.MULTILINE)]
    assert called == ["prefixes sync", "prefixes check", "observe serve"]
    options = set(re.findall(r"`(--[a-z-]+)", page)) - {"--up", "--yes"}
    known = {option for line in called for option in _options(line.split())}
    assert options <= known | {"--format"}, options - known


def _options(path: list[str]) -> set[str]:
    command: Any = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    return {option for parameter in command.params for option in parameter.opts}


def test_a_call_that_trellis_does_not_take_would_be_noticed() -> None:
    with pytest.raises(Exception, match="--never"):
        understood(["prefixes", "sync", "--never"])
    with pytest.raises(Exception, match="No such command"):
        understood(["prefixes", "resync"])


def test_the_pipeline_runs_by_the_clock_and_on_request_and_applies_nothing() -> None:
    on = workflow()["on"]
    assert re.fullmatch(r"\d+ \* \* \* \*", on["schedule"][0]["cron"])
    assert on["repository_dispatch"]["types"] == ["prefixes-requested"]
    whole = "\n".join(scripts().values())
    assert "--up" not in whole
    assert "pulumi up --" not in whole
    assert "pulumi preview" in whole
    assert "gh pr create" in whole


def test_the_pipelines_password_is_a_secret_and_no_argument() -> None:
    steps = [step for job in workflow()["jobs"].values() for step in job["steps"]]
    given = [step["env"] for step in steps if "TRELLIS_ROUTEROS_PASSWORD" in step.get("env", {})]
    assert [env["TRELLIS_ROUTEROS_PASSWORD"] for env in given] == ["${{ secrets.ROUTEROS_PASSWORD }}"]
    assert not any("secrets." in script for script in scripts().values())


def test_no_script_takes_text_from_an_event() -> None:
    assert not any("${{" in script for script in scripts().values()), "what is put in so becomes part of the script"


@pytest.mark.parametrize("name", list(scripts()))
def test_each_script_is_one_that_a_shell_takes(name: str) -> None:
    subprocess.run(["bash", "-n"], input=scripts()[name], text=True, check=True)


def test_the_preview_shows_the_branch_that_was_proposed() -> None:
    found = workflow()
    assert found["jobs"]["preview"]["needs"] == "propose"
    assert found["jobs"]["preview"]["steps"][0]["with"]["ref"] == found["env"]["BRANCH"]


def test_the_units_wait_for_the_request_that_the_sync_takes() -> None:
    units = {path.name: unit(path) for path in UNITS}
    waits = units["trellis-prefixes-sync.path"]["Path"]["PathExists"]
    takes = shlex.split(units["trellis-prefixes-sync.service"]["Service"]["ExecStart"])
    assert takes[takes.index("--request-file") + 1] == waits
    assert "--if-requested" in takes
    assert units["trellis-prefixes-check.timer"]["Timer"]["OnUnitActiveSec"] == "5min"
