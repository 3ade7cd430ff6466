"""A stack in a folder of its own whose edge is the lab's RouterOS, for the tests of `trellis prefixes`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.cli.command_line import trellis
from tests.routeros.edge import PASSWORD, PREFIXES
from tests.sites import site_data
from trellis.lab.routeros import Served
from trellis.site.delegated import Prefixes, read_prefixes

OTHER = "2600:1700:ab1a:7777::/64"
VNETS = {f"vnet{pool[4:]}": prefix for pool, prefix in PREFIXES.items()}


class Stack:
    """A stack of its own folder, whose edge is a served router."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.folder, self.served = folder, served
        self.file = folder / "Prefixes.home.yaml"
        self.password = folder / "password"
        self.password.write_text(PASSWORD + "\n")
        self.password.chmod(0o600)
        self.site: dict[str, Any] = site_data("delegated")
        del self.site["delegated"]  # what its own prefix file says
        for name in VNETS:
            self.site["vnets"][name]["router_advertisements"] |= {"valid_lifetime_s": 3600}
        api = {"endpoint": served.endpoint, "certificate": served.certificate}
        self.site["edges"]["edge1"]["rest_api"] = api
        self.write()

    def write(self) -> None:
        document = {"config": {"trellis:site": self.site}}
        (self.folder / "Pulumi.home.yaml").write_text(yaml.safe_dump(document))

    def run(self, *arguments: str, asks: bool = True, wait_s: int = 30) -> tuple[int, str, str]:
        more = ("--password-file", str(self.password), "--attempts", "1", "--wait", str(wait_s)) if asks else ()
        done = trellis("prefixes", *arguments, "--stack", "home", *more, cwd=self.folder)
        assert PASSWORD not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    def good(self) -> bytes:
        """Write the file that reading the router would, without asking it."""
        vnets = {name: {"current": prefix} for name, prefix in VNETS.items()}
        self.file.write_text(yaml.safe_dump({"schema_version": 1, "vnets": vnets}))
        return self.file.read_bytes()

    def prefixes(self) -> Prefixes:
        return read_prefixes(self.file.read_bytes())
