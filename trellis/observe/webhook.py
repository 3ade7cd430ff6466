"""The one thing that is asked for by POST: that delegated prefixes be synced.  It is kept as a request, and no more.

The server knows no edge's password and runs nothing: who shows the webhook's token can have the edges asked once in ten
seconds, by whoever takes requests (``trellis.observe.sync_request``), and nothing else.  That token opens nothing that
is read here, and the one for reading does not open this: ``trellis.observe.guard``.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel, StringConstraints, ValidationError

from trellis.observe import problems
from trellis.observe.answers import Wrong
from trellis.observe.families import Family, family
from trellis.observe.guard import WEBHOOK
from trellis.observe.sync_request import Outcome, SyncRequests
from trellis.render import metric_names as names

_MOST_BYTES = 1024
"""Of a body, which holds a name at most."""

Counted = Literal["requested", "deferred", "already", "refused", "wrong"]
_OUTCOMES: tuple[Counted, ...] = ("requested", "deferred", "already", "refused", "wrong")

_SAID: dict[Outcome, str] = {
    "requested": "requested",
    "deferred": "requested; it is taken once ten seconds have passed since the last one",
    "already": "already requested",
}


class SyncWanted(BaseModel):
    """What may be said with a request; whatever else is said is not looked at."""

    edge: Annotated[str, StringConstraints(min_length=1, max_length=63)] | None = None
    """The edge that requests it, as the site calls it."""


class SyncKept(BaseModel):
    """What became of a request."""

    outcome: Outcome
    detail: str


@dataclass
class Webhook:
    """The webhook of a server.

    Args:
        token: What whoever calls it must show; another one than the server's.
        requests: Where requests are kept.
        edges: Names of the site's edges.
    """

    token: str = field(repr=False)
    requests: SyncRequests
    edges: frozenset[str]

    def __post_init__(self) -> None:
        """Begin to count."""
        self._counts: Counter[Counted] = Counter()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Counts(self))

    def count(self, outcome: Counted) -> None:
        """Count a call."""
        self._counts[outcome] += 1

    def families(self) -> Iterator[Family]:
        """Yield what is counted."""
        calls, waiting = map(family, names.OF_WEBHOOK)
        for outcome in _OUTCOMES:
            calls.add_metric([outcome], self._counts[outcome])
        waiting.add_metric([], int(self.requests.waits()))
        yield from (calls, waiting)

    def metrics(self) -> bytes:
        """Return what is counted in Prometheus's text format."""
        return generate_latest(self._registry)


class _Counts(Collector):
    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def describe(self) -> Iterable[Family]:
        """Return nothing."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Yield each metric."""
        return self._webhook.families()


_PROBLEM: dict[str, Any] = {
    "description": "What went wrong.",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def add_to(app: FastAPI, webhook: Webhook | None) -> None:
    """Add the webhook to a server; where there is none, neither is its path.

    Args:
        app: The server.
        webhook: Its webhook.
    """
    if webhook is None:
        return
    hook = webhook

    @app.post(
        WEBHOOK,
        operation_id="requestPrefixSync",
        status_code=202,
        response_model=SyncKept,
        responses=dict.fromkeys((400, 401, 413, 503), _PROBLEM),
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": _wanted(hook)}}}},
    )
    async def request_prefix_sync(request: Request) -> Response:
        """Request a sync of delegated prefixes, with a token of its own. Beside an edge's name nothing is looked at."""
        return await _requested(hook, request)


def _wanted(webhook: Webhook) -> dict[str, Any]:
    known = [*sorted(webhook.edges), None]
    edge = {"type": ["string", "null"], "enum": known, "description": "The edge that requests it."}
    return {"type": "object", "properties": {"edge": edge}}


async def _requested(webhook: Webhook, request: Request) -> Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            webhook.count("wrong")
            return problems.problem(413, f"a body has at most {_MOST_BYTES} bytes", headers={"Connection": "close"})
    wanted = _read(webhook, body)
    if isinstance(wanted, Wrong):
        webhook.count("wrong")
        return problems.problem(400, f"{wanted.parameter}: {wanted.rule}", [wanted])
    try:
        outcome = await run_in_threadpool(webhook.requests.request, wanted.edge)
    except OSError as error:
        logging.getLogger(__name__).error("a request for a sync can't be kept: %s", error)
        return problems.problem(503, "the request can't be kept; the server's log says why")
    webhook.count(outcome)
    return JSONResponse(SyncKept(outcome=outcome, detail=_SAID[outcome]).model_dump(), 202)


def _read(webhook: Webhook, body: bytes) -> SyncWanted | Wrong:
    """Read a body; none says nothing."""
    try:
        wanted = SyncWanted.model_validate_json(body) if body else SyncWanted()
    except ValidationError as error:
        first = error.errors()[0]
        return Wrong(parameter=".".join(map(str, first["loc"])) or "body", rule=first["msg"])
    if wanted.edge is not None and wanted.edge not in webhook.edges:
        return Wrong(parameter="edge", rule="it is no edge of the site", allowed=tuple(sorted(webhook.edges)))
    return wanted
