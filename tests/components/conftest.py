"""Runs the very program that `pulumi up` runs, on a monitor instead of an engine."""

from __future__ import annotations

import asyncio
import gc
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_pulumi_func

from tests.components.monitor import Recorder, watch
from tests.sites import REPOSITORY, site_data
from trellis.lab import site_files
from trellis.site import site_data_of_stack


@pytest.fixture
def dev_site() -> dict[str, Any]:
    """The stack `dev`, with what its prefix file says."""
    return site_data("homelab")


@pytest.fixture
def run_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[Recorder, dict[str, Any]]]:
    """Return a function that runs `__main__.py` on a site and returns what was registered and exported.

    What is delegated to the site stands in a prefix file in the project's folder, where the program looks for it.
    """

    def run(
        site: dict[str, Any], *, preview: bool = False, secrets: str | None = None, in_the_clear: bool = False
    ) -> tuple[Recorder, dict[str, Any]]:
        monkeypatch.setenv("PULUMI_ERROR_OUTPUT_STRING", "true")
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        recorder = watch(preview=preview)
        stack = site_files.write(tmp_path, pulumi.get_stack(), site)
        SETTINGS.root_directory = str(tmp_path)
        pulumi.runtime.get_root_resource().outputs.clear()  # the stack of a run before is there yet, with its outputs
        pulumi.runtime.set_all_config(
            {
                "trellis:site": json.dumps(site_data_of_stack(stack.read_text())),
                "trellis:sshPrivateKey": "a-private-key",
                "trellis:proxmoxApiToken": "root@pam!t=token",
                **({"trellis:secrets": secrets} if secrets is not None else {}),
            },
            secret_keys=[
                "trellis:sshPrivateKey",
                "trellis:proxmoxApiToken",
                *([] if in_the_clear else ["trellis:secrets"]),
            ],
        )
        exported: dict[str, Any] = {}

        def program() -> None:
            runpy.run_path(str(REPOSITORY / "__main__.py"), run_name="__main__")

        async def outputs() -> None:
            for name, value in pulumi.runtime.get_root_resource().outputs.items():
                output = pulumi.Output.from_input(value)
                exported[name] = await output.future()
                if await output.is_secret():
                    recorder.secret_outputs.add(name)

        try:
            loop.run_until_complete(run_pulumi_func(program))
            loop.run_until_complete(outputs())
        finally:
            _close_left_loops()
        return recorder, exported

    return run


def _close_left_loops() -> None:
    """Close the event loops that pulumi's mocks leave behind.

    Found later, by the garbage collector in the middle of a compilation, they crash CPython 3.11.
    """
    for left in gc.get_objects():
        if isinstance(left, asyncio.AbstractEventLoop) and not left.is_closed() and not left.is_running():
            left.close()
