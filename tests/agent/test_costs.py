"""Which OSPF costs are written over before a reload, and what is left to it."""

from __future__ import annotations

from trellis.agent.costs import in_place

RUNNING = """\
interface vmbr0.10
 ip ospf area 0.0.0.0
 ip ospf cost 1000
 ipv6 ospf6 cost 1000
exit
!
interface vmbr1v20
 ip ospf cost 10
exit
!
router bgp 65000
 neighbor a description ip ospf cost 7
exit
"""


def test_what_runs_already_is_not_told_again() -> None:
    assert in_place(RUNNING, RUNNING) == ()
    assert in_place("", RUNNING) == ()
    assert in_place(RUNNING, "") == ()


def test_changed_costs_are_written_over_while_the_own_choice_of_ways_waits() -> None:
    wanted = RUNNING.replace("ip ospf cost 10\n", "ip ospf cost 64545\n").replace("cost 1000", "cost 65535")
    assert in_place(RUNNING, wanted) == (
        "configure terminal",
        "router ospf",
        "timers throttle spf 3000 3000 5000",
        "exit",
        "router ospf6",
        "timers throttle spf 3000 3000 5000",
        "exit",
        "interface vmbr0.10",
        "ip ospf cost 65535",
        "exit",
        "interface vmbr0.10",
        "ipv6 ospf6 cost 65535",
        "exit",
        "interface vmbr1v20",
        "ip ospf cost 64545",
        "exit",
    )


def test_only_the_family_whose_costs_change_waits() -> None:
    wanted = RUNNING.replace(" ipv6 ospf6 cost 1000", " ipv6 ospf6 cost 999")
    assert "router ospf" not in in_place(RUNNING, wanted)
    assert "router ospf6" in in_place(RUNNING, wanted)


def test_a_cost_that_comes_or_goes_is_the_reloads() -> None:
    without = RUNNING.replace(" ip ospf cost 10\n", "")
    assert in_place(without, RUNNING) == ()
    assert in_place(RUNNING, without) == ()


def test_a_cost_that_stands_in_two_blocks_of_an_interface_is_the_later_one() -> None:
    again = RUNNING + "interface vmbr1v20\n ip ospf cost 20\nexit\n"
    assert in_place(again, RUNNING)[-2] == "ip ospf cost 10"
    assert in_place(again, again) == ()
