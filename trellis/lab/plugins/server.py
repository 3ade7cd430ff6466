"""The plugin protocol: a gRPC server that the engine starts, and that answers for a `Provider`.

Written over the protocol itself rather than over `pulumi.provider.experimental`, which appends a Python
traceback to every error that a user reads. Startup is the import of pulumi and little else.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

from trellis.lab.plugins.differences import Difference
from trellis.lab.plugins.resource import Call, OperationError, Provider, Resource, Severity
from trellis.lab.plugins.wire import decode, encode

# The engine's own limit for a message, in bytes (pulumi.runtime._grpc_settings).
_MESSAGE_LIMIT = 400 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
    ("grpc.max_send_message_length", _MESSAGE_LIMIT),
)
_Answer = TypeVar("_Answer")
# Operations block a thread each; the engine's default parallelism is four per CPU.
_THREADS = 64

_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}
_SEVERITIES = {"info": engine_pb2.INFO, "warning": engine_pb2.WARNING, "error": engine_pb2.ERROR}


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine for one provider."""

    def __init__(self, provider: Provider, log: Callable[[str, Severity, str, bool], None]) -> None:
        self._provider = provider
        self._log = log

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version of the real plugin that this one stands in for."""
        return plugin_pb2.PluginInfo(version=self._provider.version)

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Takes the provider's configuration as it is."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """A changed configuration never replaces resources."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_UNKNOWN)

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Hands the configuration to the provider; plain values only, previews answered."""
        try:
            self._provider.configure(decode(request.args))
        except OperationError as error:
            _refuse(context, str(error))
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Answers a function, in previews too."""
        function = self._provider.functions.get(request.tok)
        if function is None:
            self._not_served(request.tok, self._provider.functions, context)
        answer = self._run(context, lambda: function(decode(request.args)))
        return provider_pb2.InvokeResponse(**{"return": encode(answer)})  # a keyword of Python's

    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Defaults and refusals."""
        inputs, failures = self._resource(request.urn, context).check(decode(request.news))
        return provider_pb2.CheckResponse(
            inputs=encode(inputs),
            failures=[provider_pb2.CheckFailure(property=one.property, reason=one.reason) for one in failures],
        )

    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """What changes, path by path."""
        found = self._resource(request.urn, context).diff(decode(request.old_inputs), decode(request.news))
        found = tuple(one for one in found if not _ignored(one.path, list(request.ignoreChanges)))
        return _diff_response(found)

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Makes the resource, or says what a preview knows of it."""
        resource, inputs = self._resource(request.urn, context), decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(resource.planned(inputs)))
        identifier, state = self._run(context, lambda: resource.create(self._call(request.urn), inputs))
        return provider_pb2.CreateResponse(id=identifier, properties=encode(state))

    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Looks at the resource; an answer without an id says that it is gone."""
        resource, inputs = self._resource(request.urn, context), decode(request.inputs)
        state = decode(request.properties)
        live = self._run(context, lambda: resource.read(self._call(request.urn), request.id, inputs, state))
        if live is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, inputs=encode(live.inputs), properties=encode(live.state))

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Changes the resource, or says what a preview knows of the change."""
        resource, state, inputs = self._resource(request.urn, context), decode(request.olds), decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(resource.planned(inputs)))
        changed = self._run(context, lambda: resource.update(self._call(request.urn), request.id, state, inputs))
        return provider_pb2.UpdateResponse(properties=encode(changed))

    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Removes the resource."""
        resource, state = self._resource(request.urn, context), decode(request.properties)
        self._run(context, lambda: resource.delete(self._call(request.urn), request.id, state))
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """Stops what is running."""
        self._provider.cancel()
        return empty_pb2.Empty()

    def _resource(self, urn: str, context: grpc.ServicerContext) -> Resource:
        """The resource type of a URN (`urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`)."""
        token = urn.split("::")[2].rsplit("$", 1)[-1]
        resource = self._provider.resources.get(token)
        if resource is None:
            self._not_served(token, self._provider.resources, context)
        return resource

    def _not_served(self, token: str, served: Iterable[str], context: grpc.ServicerContext) -> NoReturn:
        _refuse(
            context,
            f"{token} is not served by the lab's stand-in for {self._provider.name}"
            f" {self._provider.version} (it has {', '.join(sorted(served))});"
            " install the real plugin to use it",
        )

    def _call(self, urn: str) -> Call:
        return Call(
            urn.split("::", 3)[3],
            lambda severity, text, ephemeral: self._log(urn, severity, text, ephemeral),
        )

    def _run(self, context: grpc.ServicerContext, operation: Callable[[], _Answer]) -> _Answer:
        """Run an operation; its failure becomes the text that the engine shows, without a traceback."""
        try:
            return operation()
        except OperationError as error:
            _refuse(context, str(error))


def serve(provider: Provider) -> None:
    """Be a plugin: serve until the engine goes away.

    Args:
        provider: What to serve.
    """
    parser = argparse.ArgumentParser(description=f"Stand-in for pulumi-resource-{provider.name}")
    parser.add_argument("engine", help="address of the engine")
    known, _ = parser.parse_known_args()
    server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS), options=_OPTIONS)
    servicer = Servicer(provider, _engine_log(known.engine))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Thread(target=_stop_with_engine, args=(server,), daemon=True).start()
    server.wait_for_termination()


def _engine_log(address: str) -> Callable[[str, Severity, str, bool], None]:
    """Sends log lines to the engine, which shows them at the resource."""
    stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=_OPTIONS))

    def log(urn: str, severity: Severity, text: str, ephemeral: bool) -> None:
        line = engine_pb2.LogRequest(severity=_SEVERITIES[severity], message=text, urn=urn, ephemeral=ephemeral)
        stub.Log(line)

    return log


def _stop_with_engine(server: grpc.Server) -> None:
    """End when the engine does: it holds the other end of our standard input.

    An engine that is killed sends no Cancel, and the plugin would stay behind.
    """
    try:
        if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
            while os.read(sys.stdin.fileno(), 4096):
                pass
            server.stop(grace=None)
    except (OSError, ValueError):
        return


def _diff_response(found: tuple[Difference, ...]) -> provider_pb2.DiffResponse:
    """The engine's form of a difference; all of them compare inputs with inputs."""
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    detailed: dict[str, Any] = {
        one.path: provider_pb2.PropertyDiff(kind=_KINDS[one.kind, one.replaces], inputDiff=True) for one in found
    }
    return provider_pb2.DiffResponse(
        changes=some if found else none,
        diffs=sorted({_top(one.path) for one in found}),
        replaces=sorted({_top(one.path) for one in found if one.replaces}),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _top(path: str) -> str:
    """The top-level property of a path."""
    return path.split("[", 1)[0].split(".", 1)[0] or path


def _ignored(path: str, ignored: list[str]) -> bool:
    """Whether a path lies at or below one that the program says to ignore."""
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in ignored)


def _refuse(context: grpc.ServicerContext, text: str) -> NoReturn:
    """End the call with a text for the user."""
    context.abort(grpc.StatusCode.UNKNOWN, text)
    raise AssertionError("abort always raises")
