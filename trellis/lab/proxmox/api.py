"""The HTTP API: Proxmox's paths and answers over the store, the tasks and the nodes.

A handler takes the simulator and a call and returns what `data` is to hold; it runs in a thread. What it
refuses it raises as an `ApiProblem`, whose text arrives in the body's `message`: the reason phrase of the
status line, where Proxmox repeats the text, can't be set here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from trellis.lab.errors import LabError
from trellis.lab.proxmox import cluster, migration, sdn
from trellis.lab.proxmox.call import Call, Simulator
from trellis.lab.proxmox.problem import ApiProblem, NotPlayed
from trellis.lab.proxmox.schema import CONTROLLER, SUBNET, VNET, ZONE, ObjectKind

BASE = "/api2/json"

Handler = Callable[[Simulator, Call], Any]


@dataclass(frozen=True, slots=True)
class _Endpoint:
    method: str
    path: str
    handler: Handler


def _collection(path: str, kind: ObjectKind) -> list[_Endpoint]:
    """The five calls of an object: list, create, read, change, delete."""
    one = f"{path}/{{id}}"
    return [
        _Endpoint("GET", path, lambda sim, call: sdn.index(sim, call, kind)),
        _Endpoint("POST", path, lambda sim, call: sdn.create(sim, call, kind)),
        _Endpoint("GET", one, lambda sim, call: sdn.read(sim, call, kind)),
        _Endpoint("PUT", one, lambda sim, call: sdn.update(sim, call, kind)),
        _Endpoint("DELETE", one, lambda sim, call: sdn.delete(sim, call, kind)),
    ]


ENDPOINTS: tuple[_Endpoint, ...] = (
    _Endpoint("GET", "/version", cluster.version),
    _Endpoint("GET", "/cluster/status", cluster.status),
    _Endpoint("GET", "/cluster/resources", cluster.resources),
    _Endpoint("GET", "/nodes", cluster.nodes),
    _Endpoint("GET", "/nodes/{node}/version", cluster.node_version),
    _Endpoint("GET", "/nodes/{node}/status", cluster.node_status),
    _Endpoint("GET", "/nodes/{node}/qemu", cluster.qemu),
    _Endpoint("GET", "/nodes/{node}/qemu/{vmid}/config", cluster.qemu_config),
    _Endpoint("GET", "/nodes/{node}/qemu/{vmid}/migrate", migration.preconditions),
    _Endpoint("POST", "/nodes/{node}/qemu/{vmid}/migrate", migration.migrate),
    _Endpoint("PUT", "/nodes/{node}/network", cluster.reload_network),
    _Endpoint("GET", "/nodes/{node}/tasks/{upid}/status", cluster.task_status),
    _Endpoint("GET", "/nodes/{node}/tasks/{upid}/log", cluster.task_log),
    _Endpoint("GET", "/cluster/sdn", sdn.sections),
    _Endpoint("PUT", "/cluster/sdn", sdn.apply),
    _Endpoint("POST", "/cluster/sdn/lock", sdn.lock),
    _Endpoint("DELETE", "/cluster/sdn/lock", sdn.unlock),
    _Endpoint("POST", "/cluster/sdn/rollback", sdn.rollback),
    _Endpoint("GET", "/cluster/sdn/dry-run", sdn.dry_run),
    _Endpoint("GET", "/cluster/sdn/fabrics/fabric", sdn.no_fabrics),
    _Endpoint("GET", "/cluster/sdn/fabrics/node", sdn.no_fabrics),
    _Endpoint("GET", "/cluster/sdn/prefix-lists", sdn.no_lists),
    _Endpoint("GET", "/cluster/sdn/route-maps", sdn.no_lists),
    *_collection("/cluster/sdn/controllers", CONTROLLER),
    *_collection("/cluster/sdn/zones", ZONE),
    *_collection("/cluster/sdn/vnets/{vnet}/subnets", SUBNET),
    *_collection("/cluster/sdn/vnets", VNET),
)


def application(simulator: Simulator) -> Starlette:
    """The API of a simulated cluster, as an ASGI application."""

    def route(endpoint: _Endpoint) -> Route:
        async def answer(request: Request) -> JSONResponse:
            return await _answer(simulator, endpoint.handler, request)

        return Route(f"{BASE}{endpoint.path}", answer, methods=[endpoint.method])

    async def commit_pending(_: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(sdn.commit_pending, simulator))

    async def not_implemented(request: Request, _: Exception) -> JSONResponse:
        path = request.url.path.removeprefix(BASE)
        return _refusal(NotPlayed(f"Method '{request.method} {path}' not implemented"))

    return Starlette(
        routes=[
            *(route(endpoint) for endpoint in ENDPOINTS),
            Route("/pmxcfs/commit-pending", commit_pending, methods=["POST"]),
        ],
        exception_handlers={404: not_implemented, 405: not_implemented},
    )


async def _answer(simulator: Simulator, handler: Handler, request: Request) -> JSONResponse:
    try:
        user = _authenticate(simulator, request.headers.get("authorization", ""))
        fields = _fields(await request.body(), request.url.query, request.headers.get("content-type", ""))
        call = Call(dict(request.path_params), fields, user)
        return JSONResponse({"data": await run_in_threadpool(handler, simulator, call)})
    except ApiProblem as problem:
        return _refusal(problem)
    except LabError as error:
        return _refusal(ApiProblem(str(error)))


def _refusal(problem: ApiProblem) -> JSONResponse:
    body: dict[str, Any] = {"data": None, "message": problem.message.rstrip("\n") + "\n"}
    if problem.errors:
        body["errors"] = problem.errors
    return JSONResponse(body, status_code=problem.status)


def _authenticate(simulator: Simulator, header: str) -> str:
    """The token id of a request; tokens are the only way in."""
    scheme, _, rest = header.partition("=")
    if scheme != "PVEAPIToken":
        raise ApiProblem("No ticket", status=401)
    token_id, _, secret = rest.rpartition("=")
    if token_id not in simulator.config.tokens:
        raise ApiProblem("no such token", status=401)
    if simulator.config.tokens[token_id] != secret:
        raise ApiProblem("invalid token value!", status=401)
    return token_id


def _fields(body: bytes, query: str, content_type: str) -> Mapping[str, str]:
    """A request's parameters, from its query and its body; a repeated one is joined by NUL."""
    pairs = parse_qs(query, keep_blank_values=True)
    out = {name: "\0".join(values) for name, values in pairs.items()}
    if content_type.startswith("application/json") and body:
        try:
            raw = json.loads(body)
        except ValueError as error:
            raise ApiProblem(f"can't parse the body: {error}", status=400) from error
        return {**out, **{name: str(value) for name, value in raw.items()}}
    posted = parse_qs(body.decode(), keep_blank_values=True)
    return {**out, **{name: "\0".join(values) for name, values in posted.items()}}
