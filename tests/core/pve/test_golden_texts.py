"""What each release writes for the homelab, whole: without a frr.conf.local, and with one.

The files were compared with what pve-network's own generator and merge of that release write.  To take a wanted
change over: TRELLIS_UPDATE_GOLDEN=1 uv run pytest tests/core/pve/test_golden_texts.py, then read the diff.
"""

import os

import pytest

from tests.core.pve.homelab import GOLDEN, RELEASES, homelab, host
from trellis.pve import effective, generate
from trellis.pve.grammar import surely_kept


def compare(name: str, lines: tuple[str, ...]) -> None:
    path = GOLDEN / name
    text = "".join(f"{line}\n" for line in lines)
    if os.environ.get("TRELLIS_UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("release", RELEASES)
def test_what_a_release_generates_is_as_written_down(release: str) -> None:
    compare(f"generated-{release}.conf", generate(homelab(), host(release)))


@pytest.mark.parametrize("release", RELEASES)
def test_what_a_release_makes_of_a_local_file_is_as_written_down(release: str) -> None:
    local = tuple((GOLDEN / "frr.conf.local").read_text().splitlines())
    merged = effective(homelab(), host(release), local)
    assert merged.losses == ()
    compare(f"effective-{release}.conf", merged.lines)


@pytest.mark.parametrize("release", RELEASES)
def test_the_local_file_is_recognised_as_safe_so_that_it_is_not_compared(release: str) -> None:
    text = (GOLDEN / "frr.conf.local").read_text()
    assert surely_kept(text, host(release).version.merge_style, frozenset({"MAP_VTEP_IN", "MAP_VTEP_OUT"}))
