"""Sites drawn at random, on real FRR: what holds for the goldens is no accident of the examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.core.generated import site_of
from tests.golden.test_frr import load, to_do
from trellis.agent.normalise import difference, shown
from trellis.lab.scratch import ScratchFrr
from trellis.plan import plan
from trellis.render import FRR_CONF, render
from trellis.site import load_site

pytestmark = pytest.mark.frr


@pytest.mark.parametrize("seed", range(8))
def test_frr_takes_a_drawn_site_whole_and_prints_it_back(seed: int, frr_root: Callable[[str], Path]) -> None:
    for bundle in render(plan(load_site(site_of(Random(seed), least=1)))):
        text = bundle.text(FRR_CONF)
        with ScratchFrr(frr_root(bundle.frr_version), hostname=bundle.host) as frr:
            checked = frr.check(text)
            assert (checked.status, checked.text.strip()) == (0, "")
            assert load(frr, text) == []
            assert to_do(frr, text, bundle.kind) == []
            missing, unexpected = difference(text, frr.running_config())
            assert (shown(missing), shown(unexpected)) == ([], [])
