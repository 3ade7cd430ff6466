"""Signed sessions on real FRR: what is rendered is what FRR prints, with the placeholder where the value will be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.test_md5 import signed
from tests.golden.test_frr import load, to_do
from trellis.agent.normalise import difference
from trellis.lab.scratch import ScratchFrr
from trellis.plan import plan
from trellis.render import FRR_CONF, render
from trellis.site import load_site

pytestmark = pytest.mark.frr


@pytest.mark.parametrize(("kind", "version"), [("pve", "10.3"), ("pve", "10.7"), ("frr", "10.7")])
def test_frr_prints_a_signed_session_as_it_is_rendered(
    kind: str, version: str, frr_root: Callable[[str], Path]
) -> None:
    planned = plan(load_site(signed("mixed")))
    bundle = next(found for found in render(planned) if (found.kind, found.frr_version) == (kind, version))
    text = bundle.text(FRR_CONF)
    assert " password {{secret:fabric-key}}\n" in text
    with ScratchFrr(frr_root(version), hostname=bundle.host) as frr:
        assert load(frr, text) == []
        assert difference(text, frr.running_config()) == ([], [])
        assert to_do(frr, text, kind) == []
