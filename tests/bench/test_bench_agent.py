"""The agent's measurement measures what it says: a host that has nothing to do, beside frr-reload.py on the same text.

No test here looks at a stopwatch, as in ``test_bench_render``.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from tests.cli.command_line import trellis
from trellis.agent.manifest import parse
from trellis.bench import agent
from trellis.bench.processes import BenchError, Median
from trellis.bench.sites import Size, site_data
from trellis.plan import plan
from trellis.render import render
from trellis.site import load_site

SMALLEST = Size(2, 1)
TAKEN = Median(1, 0.9, 0.3, 1, 0.9, 0.9)
ONE = agent.Measured("3x1", 300, 30_000, TAKEN, TAKEN, TAKEN, 0.6, 0.0, (), ())


def test_more_than_the_budget_beyond_frr_reload_is_named() -> None:
    assert agent.misses([ONE]) == []
    assert agent.misses([ONE, replace(ONE, beyond_s=0.61)]) == [
        "3x1: a no-op takes 0.61 s beyond frr-reload.py --test, budget 0.6"
    ]


def test_the_manifest_that_is_measured_is_one_that_the_agent_takes_with_all_of_frrs_texts() -> None:
    (bundle, *_) = render(plan(load_site(site_data(SMALLEST))))
    parsed = parse(agent.measurable(bundle))
    assert parsed.intent.splitlines() == bundle.text("/etc/frr/frr.conf").splitlines()
    kept = {file.path for file in parsed.files}
    assert kept == {file.path for file in bundle.files if file.path.startswith("/etc/frr/")}
    assert parsed.confirm_within_s is None


def test_a_size_that_is_none_is_refused() -> None:
    done = trellis("bench", "agent", "--sizes", "3")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trellis: '3' is no size")


@pytest.mark.frr
class TestOnScratchFrr:
    @pytest.fixture(autouse=True)
    def _root(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("a scratch FRR needs root")

    def test_a_no_op_and_two_commits_have_their_figures(self) -> None:
        done = trellis("bench", "agent", "--sizes", str(SMALLEST), "--runs", "1", "--json")
        answer = json.loads(done.stdout)
        assert {"start", "stop", "no-op", "test", "beyond", "left out"} <= set(answer["events"])
        (one,) = answer["sizes"]
        assert one["size"] == str(SMALLEST)
        assert one["lines"] > 100
        for side in ("no_op", "test", "reload"):
            assert one[side]["runs"] == 1
            assert one[side]["cpu_s"] > 0
        assert one["beyond_s"] == pytest.approx(one["no_op"]["wall_s"] - one["test"]["wall_s"], abs=0.001)
        assert [step["name"] for step in one["no_op_steps"]][-1] == "compare", "nothing comes after it"
        assert [commit["what"] for commit in one["commits"]] == ["first deploy, but for one guest", "a guest added"]
        for commit in one["commits"]:
            assert 0 < commit["reload_s"] < commit["wall_s"]
            assert {"preflight", "backup", "reload FRR", "commit"} <= {step["name"] for step in commit["steps"]}

    def test_an_agent_that_fails_gives_no_figures(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(agent, "agent_text", lambda: "import sys; sys.exit('broken on purpose')")
        with pytest.raises(BenchError, match=r"(?s)ended with 1.*broken on purpose"):
            agent.measure([SMALLEST], 1, lambda _: None)
