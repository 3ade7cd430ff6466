"""How a failure is read, measured and judged, without a lab; with one: tests/lab/main_job/test_failures.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sites import site_data
from trellis.lab.errors import LabError
from trellis.lab.failures import Failure, Outcome, as_json, as_table, read
from trellis.lab.failures.causing import merged
from trellis.lab.failures.routes import deletions, gone_after_ms
from trellis.lab.failures.streams import Heard, heard
from trellis.lab.failures.trial import Run
from trellis.site import attached_guests, load_site, site_data_of_stack

FOLDER = Path(__file__).parent / "failures"
TWO_EDGES = Path(__file__).parent / "two_edges"
NEWEST_FRR = Path(__file__).parent / "newest_frr"
ALL = {
    f"{lab}: {name}": (site, failure)
    for lab, site, folder in (
        ("homelab", "homelab", FOLDER),
        ("two edges", "two edges", TWO_EDGES / "failures"),
        ("newest FRR", "homelab", NEWEST_FRR / "failures"),
    )
    for name, failure in read(folder).items()
}

PINGED = """PING 10.101.254.11 (10.101.254.11) from 203.0.113.1 : 56(84) bytes of data.
[1000.000100] 64 bytes from 10.101.254.11: icmp_seq=1 ttl=61 time=0.50 ms
[1000.010100] 64 bytes from 10.101.254.11: icmp_seq=2 ttl=61 time=0.50 ms
From 198.51.100.2 icmp_seq=3 Destination Net Unreachable
[1000.250100] 64 bytes from 10.101.254.11: icmp_seq=26 ttl=61 time=0.50 ms
[1000.260100] 64 bytes from 10.101.254.11: icmp_seq=27 ttl=61 time=0.50 ms

--- 10.101.254.11 ping statistics ---
27 packets transmitted, 4 received, 85.1852% packet loss, time 260ms
"""
MONITORED = """[2026-11-29T02:00:00.100000] 10.101.254.12 nhid 41 via 10.10.0.12 dev vlan10 proto bgp metric 20
[2026-11-29T02:00:01.000000] Deleted 10.101.254.12 nhid 41 via 10.10.0.12 dev vlan10 proto bgp metric 20
[2026-11-29T02:00:01.250000] Deleted fd00:101:fe::12 nhid 44 via fe80::1 dev vlan10 proto bgp metric 20 pref medium
[2026-11-29T02:00:01.300000] Deleted local 10.0.0.1 dev lo table local proto kernel scope host src 10.0.0.1
"""


def a_failure(**changes: Any) -> Failure:
    written: dict[str, Any] = {
        "name": "x",
        "what": "something breaks",
        "seed": "60 s (10.1)",
        "break": [{"power_cut": "pve02"}],
        "streams": {"one": {"from": "internet", "to": "solcp01", "silent_ms": 1000}},
        "gone": {"its guest": {"at": "edge1", "of": "solcp02", "within_ms": 1000}},
        **changes,
    }
    return Failure.model_validate(written)


def a_run(silent_ms: int = 230, gone_ms: int | None = 400, **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "heard": {("one", 4): Heard(500, 477, silent_ms), ("one", 6): Heard(500, 500, 0)},
        "gone": {"its guest": gone_ms},
        "paths": (),
        "back_s": 12.5,
        "resets": (),
        "missing": (),
        "stalled_ms": 12,
        **changes,
    }
    return Run(**fields)


def test_a_silence_is_the_time_between_two_answers_with_unanswered_requests_in_between() -> None:
    assert heard(PINGED, 1000.27) == Heard(27, 4, 230, 1000.0101)


def test_a_stream_that_was_answered_throughout_was_never_silent_though_an_answer_came_late() -> None:
    late = PINGED.replace("icmp_seq=26", "icmp_seq=3").replace("icmp_seq=27", "icmp_seq=4").replace("27 p", "4 p")
    assert heard(late, 1000.27).silent_ms == 0


def test_a_silence_at_the_end_lasts_until_the_stream_ended() -> None:
    lost = PINGED.replace("27 packets", "90 packets")
    assert heard(lost, 1000.9).silent_ms == 630


def test_a_stream_that_nobody_ever_answered_says_so_and_one_without_an_end_is_an_error() -> None:
    nobody = "PING x\n\n--- x ping statistics ---\n50 packets transmitted, 0 received, 100% packet loss, time 5ms\n"
    assert (heard(nobody, 1000.0).sent, heard(nobody, 1000.0).answered) == (50, 0)
    with pytest.raises(ValueError, match="unknown host"):
        heard("ping: unknown host", 1.0)


def test_numbers_that_begin_anew_are_no_silence() -> None:
    lines = "".join(
        f"[{1000 + i / 100:.6f}] 64 bytes from x: icmp_seq={(65530 + i) % 65536} ttl=1 time=1 ms\n" for i in range(12)
    )
    assert heard(f"{lines}\n--- x ---\n65541 packets transmitted, 12 received, 1% loss\n", 1000.12).silent_ms == 0


def test_a_route_went_when_the_kernel_said_so_and_all_of_a_guest_s_with_the_last() -> None:
    (first, prefix), *others = deletions(MONITORED)
    assert (prefix, len(others)) == ("10.101.254.12", 1)
    both = frozenset({"10.101.254.12", "fd00:101:fe::12"})
    assert gone_after_ms(MONITORED, both, first - 0.5) == 750
    assert gone_after_ms(MONITORED, both, first + 0.1) is None
    assert gone_after_ms(MONITORED, both | {"10.101.254.13"}, first) is None


def test_a_figure_is_held_if_every_run_is_within_its_bound() -> None:
    outcome = Outcome(a_failure(), (a_run(), a_run(silent_ms=990), a_run(gone_ms=1000)))
    assert (outcome.ok, outcome.failures) == (True, ())
    assert [figure.values for figure in outcome.figures] == [(230, 990, 230), (0, 0, 0), (400, 400, 1000), (12.5,) * 3]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (a_run(silent_ms=1001), "one, IPv4 (internet to solcp01): silent for 1001 of 1000 ms"),
        (a_run(gone_ms=None), "its guest: solcp02 gone at edge1 after never of 1000 ms"),
        (a_run(back_s=None, missing=("pve01 to pve02",)), "still missing: pve01 to pve02"),
        (a_run(resets=("pve01 default pve03",)), "sessions have reset: pve01 default pve03"),
        (a_run(paths=("pve01 reaches pve02 (IPv4) by eth0, not eth1",)), "by eth0, not eth1"),
    ],
)
def test_what_was_missed_fails_and_is_named(run: Run, words: str) -> None:
    outcome = Outcome(a_failure(), (a_run(), run))
    assert not outcome.ok
    assert any(words.replace("1001", "230, 1001").replace("never", "400, never") in line or words in line
               for line in outcome.failures)  # fmt: skip


def test_a_stream_that_had_to_be_cut_off_and_was_not_proves_that_nothing_broke() -> None:
    failure = a_failure(streams={"one": {"from": "internet", "to": "solcp01", "cut_off": True}}, watched_s=5)
    assert not Outcome(failure, (a_run(silent_ms=230),)).ok
    cut = {("one", 4): Heard(500, 100, 4000), ("one", 6): Heard(500, 100, 4100)}
    assert Outcome(failure, (a_run(heard=cut),)).ok


def test_programs_get_every_run_and_people_a_line_per_figure() -> None:
    outcome = Outcome(a_failure(), (a_run(), a_run(gone_ms=None)))
    document = json.loads(json.dumps(as_json([outcome])))
    (told,) = document["failures"]
    assert (document["ok"], told["runs"][1]["gone_ms"]) == (False, {"its guest": None})
    assert told["figures"][0] == {
        "what": "one, IPv4 (internet to solcp01): silent for", "unit": "ms", "values": [230, 230], "bound": 1000,
        "held": True,
    }  # fmt: skip
    assert as_table([outcome]).row_count == 1 + 4 + 1


def test_a_file_that_asks_for_what_nobody_can_do_is_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("what: x\nbreak: [{earthquake: pve01}]\n")
    (tmp_path / "two.yaml").write_text("what: x\nbreak: [{cut: {host: pve01}}]\nlater: 1\n")
    with pytest.raises(LabError) as refused:
        read(tmp_path)
    said = str(refused.value)
    words = ("one.yaml", "nothing does 'earthquake'; there are", "two.yaml", "required argument: 'link'", "later")
    assert [word for word in words if word not in said] == []


def test_a_change_of_a_site_takes_away_what_is_null_and_leaves_the_rest() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}}) == {"a": {"c": 2, "e": 3}, "d": [1]}


def data_of(site: str) -> dict[str, Any]:
    if site == "homelab":
        return site_data("homelab")
    return site_data_of_stack((TWO_EDGES / "Pulumi.two-edges.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("of", "failure"), ALL.values(), ids=ALL)
def test_every_file_speaks_of_what_its_site_has(of: str, failure: Failure) -> None:
    site = load_site(data_of(of))
    guests = {guest.name for guest in attached_guests(site)}
    known = guests | site.hosts.keys() | site.edges.keys() | site.links.keys() | {"internet"}
    for stream in failure.streams.values():
        assert {stream.source, stream.target} <= known
    for gone in failure.gone.values():
        assert gone.at in guests | site.edges.keys()
        assert gone.of in guests | {"default"}
    named = {value for step in (*failure.prepares, *failure.breaks, *failure.heals)
             for value in step.arguments.values() if isinstance(value, str)}  # fmt: skip
    assert named <= known | {"bgpd", "zebra", "ospfd"}
    assert failure.may_reset == "all" or {*failure.may_reset} <= known
    assert not failure.decided or (Path(__file__).parents[2] / failure.decided).is_file()
