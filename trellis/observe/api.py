"""The read-only HTTP server: lists of what the store holds, metrics, and the page that shows them.

It reads the store and answers GET; nothing that it is asked changes anything, but for the webhook, which leaves a note
for others where there is one (`trellis.observe.webhook`).  Who may ask: `trellis.observe.guard`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib.resources import files
from pathlib import PurePath
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session as Database

from trellis.observe import answers, guard, problems, queries, webhook
from trellis.observe.live_map import LiveMap
from trellis.observe.metrics import StoreMetrics
from trellis.observe.route_counts import route_counts
from trellis.observe.webhook import Webhook

LISTS = "/api/v1"
_TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def create_app(
    engine: Engine, picture: LiveMap | None = None, token: str | None = None, hook: Webhook | None = None
) -> FastAPI:
    """Return the server as an ASGI application.

    Args:
        engine: The store, with its tables made.
        picture: The fabric's picture; without it the page has no map.
        token: What clients must show; None answers everyone on this machine.
        hook: What requests a sync of delegated prefixes; None for no such path.
    """
    app = FastAPI(
        title="Trellis: guests' BGP sessions and routes",
        version="1",
        description="Read-only. Lists are paged; what a guest is refused is listed with its reason.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.router.route_class = _Compared
    problems.add_to(app)
    _add_lists(app, engine)
    _add_page(app, picture)
    metrics = StoreMetrics(engine)
    responses: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}

    @app.get("/metrics", operation_id="getMetrics", response_class=Response, responses=responses)
    def get_metrics() -> Response:
        """What Prometheus scrapes."""
        more = hook.metrics() if hook is not None else b""
        return Response(metrics.text() + more, headers={"Content-Type": _METRICS_TYPE})

    @app.get("/healthz", operation_id="getHealth", responses={503: _PROBLEM})
    def get_health() -> answers.Health:
        """Whether the store can be read."""
        with _reading(engine) as database:
            database.execute(text("SELECT 1"))
        return answers.Health(status="ok")

    app.openapi = partial(_document, app, app.openapi)  # type: ignore[method-assign]
    webhook.add_to(app, hook)
    headers = guard.headers_of((picture.style_hash,) if picture else ())
    app.add_middleware(guard.Guard, token=token, headers=headers, webhook=hook)
    return app


_PROBLEM: dict[str, Any] = {
    "description": "What went wrong.",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_LIST: dict[int | str, dict[str, Any]] = {
    304: {"description": "As before (If-None-Match)."},
    400: _PROBLEM,
    401: _PROBLEM,
    503: _PROBLEM,
}


def _add_lists(app: FastAPI, engine: Engine) -> None:
    @app.get(f"{LISTS}/peerings", operation_id="listBgpPeeringSessions", responses=_LIST)
    def list_peerings(wanted: Annotated[answers.PeeringsWanted, Query()]) -> answers.Peerings:
        """Guests that speak, or may speak, BGP, and the state of their sessions."""
        asked = queries.PeeringFilter(
            network=wanted.networkid,
            tenant=wanted.tenant,
            guest=wanted.guest,
            vm=wanted.vmid,
            host=wanted.host,
            state=wanted.state,
            asn=int(wanted.asn) if wanted.asn else None,
            removed=wanted.removed,
        )
        with _reading(engine) as database:
            found = queries.peerings(database, asked, wanted.page, wanted.pagesize)
            accepted, refused = route_counts(database)
            items = tuple(
                answers.PeeringShown.of(peering, accepted[peering.id], refused.get(peering.id, Counter()).total())
                for peering in found.items
            )
        return answers.Peerings(total=found.total, page=found.page, pagesize=found.page_size, items=items)

    @app.get(f"{LISTS}/sessions", operation_id="listBgpHostSessions", responses=_LIST)
    def list_sessions(wanted: Annotated[answers.SessionsWanted, Query()]) -> answers.Sessions:
        """Peerings as each host has them; a guest that may run on many hosts is idle on most."""
        with _reading(engine) as database:
            found = [answers.SessionShown.of(*pair) for pair in queries.sessions(database)]
        asked = {
            "peering_uuid": wanted.peeringid,
            "network_id": wanted.networkid,
            "host": wanted.host,
            "state": wanted.state,
        }
        chosen = [each for each in found if all(value in (None, getattr(each, name)) for name, value in asked.items())]
        first = (wanted.page - 1) * wanted.pagesize
        items = tuple(chosen[first : first + wanted.pagesize])
        return answers.Sessions(total=len(chosen), page=wanted.page, pagesize=wanted.pagesize, items=items)

    @app.get(f"{LISTS}/routes", operation_id="listBgpGuestRoutes", responses=_LIST)
    def list_routes(wanted: Annotated[answers.RoutesWanted, Query()]) -> answers.Routes:
        """Prefixes that guests announced, and what became of them: refused ones with the reason."""
        asked = queries.RouteFilter(
            peering=wanted.peeringid,
            network=wanted.networkid,
            guest=wanted.guest,
            state=wanted.state,
            reason=wanted.reason,
            prefix=wanted.prefix,
        )
        with _reading(engine) as database:
            found = queries.routes(database, asked, wanted.page, wanted.pagesize)
            items = tuple(answers.RouteShown.of(*pair) for pair in found.items)
        return answers.Routes(total=found.total, page=found.page, pagesize=found.page_size, items=items)

    @app.get(f"{LISTS}/events", operation_id="listBgpGuestEvents", responses=_LIST)
    def list_events(wanted: Annotated[answers.EventsWanted, Query()]) -> answers.Events:
        """What happened, the newest first."""
        asked = queries.EventFilter(
            network=wanted.networkid,
            guest=wanted.guest,
            host=wanted.host,
            kind=wanted.kind,
            since=datetime.fromisoformat(wanted.since) if wanted.since else None,
        )
        with _reading(engine) as database:
            found = queries.events(database, asked, wanted.page, wanted.pagesize)
            items = tuple(map(answers.EventShown.of, found.items))
        return answers.Events(total=found.total, page=found.page, pagesize=found.page_size, items=items)

    @app.get(f"{LISTS}/hosts", operation_id="listObservedHosts", responses=_LIST)
    def list_hosts(wanted: Annotated[answers.Nothing, Query()]) -> answers.Hosts:
        """The hosts that are read, when last, and why not now."""
        del wanted
        with _reading(engine) as database:
            return answers.Hosts(items=tuple(map(answers.HostShown.of, queries.hosts(database))))


def _add_page(app: FastAPI, picture: LiveMap | None) -> None:
    for name in guard.PAGE:
        content = files("trellis.observe").joinpath("page", name).read_bytes()
        media_type = f"{_TYPES[PurePath(name).suffix]}; charset=utf-8"
        answer = partial(Response, content, headers={"Content-Type": media_type})
        path = "/" if name == guard.PAGE[0] else f"/{name}"
        app.get(path, include_in_schema=False, response_class=Response)(_giving(answer))

    svg: dict[int | str, dict[str, Any]] = {
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}},
        404: _PROBLEM,
    }

    @app.get(f"{LISTS}/map.svg", operation_id="getMap", response_class=Response, responses={**_LIST, **svg})
    def get_map(wanted: Annotated[answers.Nothing, Query()]) -> Response:
        """The fabric's picture, whose marks name their guests."""
        del wanted
        if picture is None:
            return problems.problem(404, "this server was started without a site, so it has no map")
        return Response(picture.svg, media_type="image/svg+xml")


def _giving(answer: Callable[[], Response]) -> Callable[[], Awaitable[Response]]:
    async def give() -> Response:
        return answer()

    return give


@contextmanager
def _reading(engine: Engine) -> Iterator[Database]:
    with Database(engine) as database:
        yield database


class _Compared(APIRoute):
    """A route whose answer has an ETag, and is not sent again to who has it."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def compared(request: Request) -> Response:
            repeated = {name for name in request.query_params if len(request.query_params.getlist(name)) > 1}
            if repeated:
                wrong = [answers.Wrong(parameter=name, rule="it may be given once") for name in sorted(repeated)]
                return problems.problem(400, "a parameter was given more than once", wrong)
            response = await answer(request)
            if response.status_code != 200:
                return response
            tag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
            known = [shown.strip().removeprefix("W/") for shown in request.headers.get("if-none-match", "").split(",")]
            if tag in known:
                return Response(status_code=304, headers={"ETag": tag})
            response.headers["ETag"] = tag
            return response

        return compared


def _document(app: FastAPI, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the OpenAPI document, which says of errors what is really answered."""
    document = make()
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    if "Problem" not in schemas:
        made = answers.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= made.pop("$defs")
        schemas["Problem"] = made
        schemes = {"token": {"type": "http", "scheme": "bearer", "description": "Beyond loopback."}}
        document["components"]["securitySchemes"] = schemes
        document["security"] = [{}, {"token": []}]
    return document
