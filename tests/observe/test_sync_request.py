"""A request for a sync: at most one waits, one in ten seconds is taken, and none is lost, whatever comes in between."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.observe.sync_request import WINDOW_S, SyncRequests, default_file


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def requests(tmp_path: Path, clock: Clock) -> SyncRequests:
    return SyncRequests(tmp_path / "requested", clock)


def test_one_waits_and_further_ones_are_the_same(requests: SyncRequests, clock: Clock) -> None:
    assert [requests.request("edge1") for _ in range(3)] == ["requested", "already", "already"]
    taken = requests.take(clock.sleep)
    assert taken is not None
    assert (taken.edge, taken.at) == ("edge1", 1_000_000.0)
    assert clock.now == 1_000_000.0
    assert not requests.waits()


def test_one_that_comes_after_the_last_was_taken_waits_for_its_turn(requests: SyncRequests, clock: Clock) -> None:
    requests.request(None)
    requests.take(clock.sleep)
    requests.done()
    clock.now += 1
    assert requests.request(None) == "deferred"
    assert requests.take(clock.sleep) is not None
    assert clock.now == 1_000_000.0 + WINDOW_S
    clock.now += WINDOW_S
    assert requests.request(None) == "requested"


def test_one_that_comes_while_a_sync_runs_is_not_done_with_it(requests: SyncRequests, clock: Clock) -> None:
    requests.request("edge1")
    requests.take(clock.sleep)
    requests.request("edge2")
    requests.done()
    taken = requests.take(clock.sleep)
    assert taken is not None
    assert taken.edge == "edge2"


def test_one_whose_sync_failed_is_taken_again(requests: SyncRequests, clock: Clock) -> None:
    requests.request("edge1")
    first = requests.take(clock.sleep)
    assert requests.take(clock.sleep) == first
    requests.done()
    assert requests.take(clock.sleep) is None


def test_another_process_finds_it_and_touching_the_file_is_one(requests: SyncRequests, clock: Clock) -> None:
    requests.request("edge1")
    assert SyncRequests(requests.file, clock).take(clock.sleep) is not None
    requests.done()
    requests.file.touch()
    assert SyncRequests(requests.file, clock).take(clock.sleep) is not None


def test_a_clock_that_is_set_back_makes_nobody_wait_for_long(requests: SyncRequests, clock: Clock) -> None:
    requests.request(None)
    requests.take(clock.sleep)
    clock.now -= 86_400
    requests.request(None)
    before = clock.now
    requests.take(clock.sleep)
    assert clock.now - before <= WINDOW_S


def test_where_requests_are_is_each_stacks_own() -> None:
    assert default_file("dev", {"HOME": "/home/x"}) == Path("/home/x/.local/state/trellis/prefixes-requested.dev")
    assert default_file("home", {"XDG_STATE_HOME": "/s"}) == Path("/s/trellis/prefixes-requested.home")


@given(st.lists(st.tuples(st.sampled_from(["request", "sync", "failed"]), st.floats(0, 15)), max_size=30))
def test_after_any_course_each_request_is_followed_by_a_sync_and_none_is_early(
    tmp_path_factory: pytest.TempPathFactory, course: list[tuple[str, float]]
) -> None:
    clock = Clock()
    requests = SyncRequests(tmp_path_factory.mktemp("requests") / "requested", clock)
    open_request, turns = False, []
    for what, pause in course:
        clock.now += pause
        if what == "request":
            requests.request("edge1")
            open_request = True
            continue
        fresh = requests.waits()
        taken = requests.take(clock.sleep)
        assert (taken is not None) == open_request, "a request was lost, or made up"
        if fresh:
            turns.append(clock.now)
        if what == "sync":
            requests.done()
            open_request = False
    assert all(later - earlier >= WINDOW_S - 1e-6 for earlier, later in pairwise(turns))
