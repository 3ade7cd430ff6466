"""Every golden configuration of a guest's speaker is one that its daemon takes whole, and prints as it stands there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.golden.files import FOLDER, GOLDEN_GUESTS, GUESTS, golden_guests, speaker_file
from tests.golden.test_frr import load, to_do
from trellis.agent.normalise import difference, shown
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr

TEXTS = [
    FOLDER / example / GUESTS / speaker_file(planned)
    for example, _ in GOLDEN_GUESTS
    for planned in golden_guests(example)
    if planned.speaker.kind != "talos-native"
]
BIRD = [path for path in TEXTS if path.name.endswith(".bird.conf")]
FRR = [path for path in TEXTS if path.name.endswith(".frr.conf")]

BY_DEFAULT = {" timers bgp 3 9", "  detect-multiplier 3", "  transmit-interval 300", "  receive-interval 300"}
"""What FRR takes and does not print, being its own default: of the guest's FRR nobody knows the version."""

PRINTED_BY_ITSELF = "use-underlays-nexthop-weight"
"""What FRR 10.7 prints of each instance though nobody said it."""

_NO_COMPLAINT = "Graceful restart configuration changed, reset all peers to take effect"


def named(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.name}"


def parsed_by_bird(root: Path, path: Path) -> str:
    """Return what BIRD says of a text; nothing where it takes it."""
    with ScratchFrr(root, daemons=()) as machine:
        machine.write("/run/bird.conf", path.read_text(encoding="utf-8"))
        done = machine.run(["bird", "-p", "-c", "/run/bird.conf"])
        assert (done.status == 0) == (done.text.strip() == ""), done.text
        return done.text


@pytest.mark.parametrize("version", ["10.3", "10.7"])
def test_bird_takes_every_golden_text(version: str, frr_root: Callable[[str], Path]) -> None:
    assert BIRD
    for path in BIRD:
        assert parsed_by_bird(frr_root(version), path) == "", named(path)


def test_a_wrong_word_in_a_golden_text_would_be_refused_by_bird(
    frr_root: Callable[[str], Path], tmp_path: Path
) -> None:
    broken = tmp_path / "bird.conf"
    broken.write_text(BIRD[0].read_text(encoding="utf-8").replace("next hop self;", "next hop sef;", 1))
    assert "syntax error" in parsed_by_bird(frr_root("10.3"), broken)


@pytest.mark.parametrize("version", ["10.3", "10.7"])
@pytest.mark.parametrize("path", FRR, ids=named)
def test_frr_takes_a_golden_text_whole_and_prints_it_back(
    path: Path, version: str, frr_root: Callable[[str], Path]
) -> None:
    text = path.read_text(encoding="utf-8")
    hostname = path.name.split(".")[0]
    with ScratchFrr(frr_root(version), hostname=hostname, daemons=("bgpd", "bfdd")) as frr:
        checked = frr.check(text)
        assert (checked.status, checked.text.strip()) == (0, "")
        assert [line for line in load(frr, text) if line != _NO_COMPLAINT] == []
        printed = "".join(f"{line}\n" for line in text.splitlines() if line not in BY_DEFAULT)
        missing, unexpected = difference(printed, frr.running_config())
        assert (shown(missing), [line for line in shown(unexpected) if PRINTED_BY_ITSELF not in line]) == ([], [])
        assert all(PRINTED_BY_ITSELF in line or line.startswith("router bgp") for line in to_do(frr, printed, "frr"))
