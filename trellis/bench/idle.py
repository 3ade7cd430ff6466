"""A plugin that makes nothing: every resource of every type is created at once, as it was asked for.

So that what is measured is the program and the engine, not Proxmox or SSH.  The engine starts
``python -m trellis.bench.idle NAME VERSION`` and adds its own address.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from trellis.lab.plugins.differences import Difference, differences
from trellis.lab.plugins.resource import Call, Failure, Live, Provider, Resource
from trellis.lab.plugins.server import serve
from trellis.lab.plugins.wire import Properties


class Idle:
    """A resource that is as it was asked for."""

    def check(self, inputs: Properties) -> tuple[Properties, list[Failure]]:
        """Take every input."""
        return inputs, []

    def diff(self, old_inputs: Properties, new_inputs: Properties) -> tuple[Difference, ...]:
        """Compare the inputs; nothing replaces."""
        return differences(old_inputs, new_inputs)

    def planned(self, inputs: Properties) -> Properties:
        """Return the inputs."""
        return inputs

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Return the name as id, and the inputs."""
        return call.name, inputs

    def read(self, call: Call, identifier: str, inputs: Properties, state: Properties) -> Live | None:
        """Return what is in the state."""
        return Live(inputs, state)

    def update(self, call: Call, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Return the inputs."""
        return inputs

    def delete(self, call: Call, identifier: str, state: Properties) -> None:
        """Do nothing."""


class EveryType(Mapping[str, Resource]):
    """Serves each type token that is asked for, of which none is known before."""

    def __getitem__(self, token: str) -> Resource:
        return Idle()

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


if __name__ == "__main__":
    name, version = sys.argv[1:3]
    del sys.argv[1:3]
    serve(Provider(name, version, EveryType(), lambda _: None, lambda: None))
