"""The OpenAPI document and the server are held together: drawn questions get only what it promises."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.observe.shown import homelab_store
from trellis.observe.api import create_app
from trellis.observe.guard import WEBHOOK
from trellis.observe.sync_request import SyncRequests
from trellis.observe.webhook import Webhook

TOKEN = "only-for-this-test-0123456789"
CALLS = "only-for-the-webhook-0123456789"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}

load_all_checks()


@cache
def _app() -> FastAPI:
    folder = tempfile.mkdtemp(prefix="trellis-api-")
    webhook = Webhook(CALLS, SyncRequests(Path(folder) / "requested"), frozenset({"edge1"}))
    return create_app(
        homelab_store(Path(folder)), token=TOKEN, hook=webhook
    )  # which is asked for by any name, not by loopback's


schema = schemathesis.openapi.from_asgi("/openapi.json", _app(), headers=SHOWN)


@schema.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_only_what_the_document_promises_is_answered(case: schemathesis.Case) -> None:
    # What a prefix, an ASN or a time is can't be said by a schema alone: such texts may be refused though they fit it.
    shown = {"Authorization": f"Bearer {CALLS}"} if case.path == WEBHOOK else SHOWN
    case.call_and_validate(headers=shown, excluded_checks=[positive_data_acceptance])
