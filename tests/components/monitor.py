"""A monitor that sees what the engine would: parents, dependencies, secrets, replacement triggers, outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.proto import resource_pb2


@dataclass
class Registered:
    """A resource as it was registered."""

    type: str
    name: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    dependencies: tuple[str, ...]
    replacement_trigger: Any
    secret_inputs: tuple[str, ...]
    delete_before_replace: bool
    hooks: dict[str, tuple[str, ...]]
    frames: tuple[str, ...]
    """Where it was made, the innermost first: files and lines of the Python stack, as the engine keeps them."""
    outputs_registered: int = 0

    @property
    def parent_type(self) -> str:
        """Type chain of the parent's URN."""
        return self.parent.split("::")[-2] if self.parent else ""


class Answers(pulumi.runtime.Mocks):
    """Answers for resources: their own inputs; calls are refused."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"the program calls {args.token}, which needs a provider at preview")


@dataclass
class Recorder:
    """What the program registered, by name."""

    resources: dict[str, Registered] = field(default_factory=dict)
    urns: dict[str, str] = field(default_factory=dict)
    secret_outputs: set[str] = field(default_factory=set)
    """Names of the stack's outputs that are secret."""

    def of_type(self, token: str) -> list[Registered]:
        return [resource for resource in self.resources.values() if resource.type == token]


class Monitor(pulumi_mocks.MockMonitor):
    """Pulumi's mock monitor, that keeps what it hears."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(Answers())
        self.recorder = recorder

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> Any:  # noqa: N802
        inputs = pulumi.runtime.rpc.deserialize_properties(request.object, keep_unknowns=True)
        secret = tuple(
            key for key, value in inputs.items() if pulumi.runtime.rpc.is_rpc_secret(value) or _holds_secret(value)
        )
        trigger = request.replacement_trigger if request.HasField("replacement_trigger") else None
        registered = Registered(
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            inputs=inputs,
            dependencies=tuple(request.dependencies),
            replacement_trigger=trigger.string_value if trigger is not None else None,
            secret_inputs=secret,
            delete_before_replace=request.deleteBeforeReplace,
            hooks={kind.name: tuple(names) for kind, names in request.hooks.ListFields()},
            frames=tuple(f"{frame.pc.uri}#{frame.pc.line}" for frame in request.stackTrace.frames),
        )
        assert request.name not in self.recorder.resources, f"two resources are called {request.name}"
        self.recorder.resources[request.name] = registered
        response = super().RegisterResource(request)
        self.recorder.urns[response.urn] = request.name
        return response

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> Any:  # noqa: N802
        name = self.recorder.urns.get(request.urn)
        if name is not None:
            self.recorder.resources[name].outputs_registered += 1
        return super().RegisterResourceOutputs(request)


def _holds_secret(value: Any) -> bool:
    if pulumi.runtime.rpc.is_rpc_secret(value):
        return True
    if isinstance(value, dict):
        return any(_holds_secret(item) for item in value.values())
    return isinstance(value, list) and any(_holds_secret(item) for item in value)


def watch(*, preview: bool) -> Recorder:
    """Put a fresh monitor in place and return what will be recorded; the event loop is the caller's."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(Answers(), project="trellis", stack="test", preview=preview, monitor=Monitor(recorder))
    return recorder
