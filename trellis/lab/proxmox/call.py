"""What a handler of the API is given: the simulated cluster, and the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trellis.lab.proxmox.config import NodeConfig, SimulatorConfig
from trellis.lab.proxmox.nodes import NodeTransport
from trellis.lab.proxmox.problem import ApiProblem, ParameterProblem
from trellis.lab.proxmox.store import Store
from trellis.lab.proxmox.tasks import Tasks


@dataclass(frozen=True)
class Simulator:
    """A running simulated cluster.

    Args:
        config: What it was told.
        store: Its SDN configuration.
        transport: How it reaches its nodes.
        tasks: Its tasks.
    """

    config: SimulatorConfig
    store: Store
    transport: NodeTransport
    tasks: Tasks = field(default_factory=Tasks)

    @property
    def first(self) -> NodeConfig:
        """The node that answers for the cluster."""
        return self.config.nodes[0]


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Args:
        path: The parts of the path that have a name.
        fields: The parameters of query and body.
        user: The token that asks.
    """

    path: Mapping[str, str]
    fields: Mapping[str, str]
    user: str

    def is_set(self, name: str, *, default: bool = False) -> bool:
        """A boolean parameter."""
        return self.fields[name] in ("1", "true", "yes", "on") if name in self.fields else default

    @property
    def token(self) -> str | None:
        """The lock token, if the request carries one."""
        return self.fields.get("lock-token")

    def node(self, simulator: Simulator) -> NodeConfig:
        """The node that the path names.

        Raises:
            ApiProblem: There is none of that name.
        """
        found = simulator.config.node(self.path["node"])
        if found is None:
            raise ApiProblem(f"hostname lookup '{self.path['node']}' failed - no such node")
        return found

    def need(self, name: str) -> str:
        """A parameter that must be there.

        Raises:
            ParameterProblem: It is not.
        """
        if name not in self.fields:
            raise ParameterProblem({name: "property is missing and it is not optional"})
        return self.fields[name]
