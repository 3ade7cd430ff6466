"""The quick merge, block by block, makes what Proxmox's parser makes line by line, and takes what is rendered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.pve.homelab import homelab, host
from tests.core.pve.test_merge_properties import soup, states, well_formed
from tests.sites import EXAMPLES, bundles_of
from trellis.pve import Piece, SdnState
from trellis.pve.blocks import merged_by_blocks
from trellis.pve.generated import generated_config
from trellis.pve.merge import merged_by_lines
from trellis.render import FRR_CONF_LOCAL

RELEASES = st.sampled_from(["9.1", "9.2"])
"""Those that merge verbatim."""


def text_of(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)


def same_or_declined(state: SdnState, release: str, *pieces: str) -> bool:
    """Merge pieces both ways; say whether the quick way took them."""
    node = host(release)
    generated = generated_config(state, node)
    quick = merged_by_blocks(generated, map(Piece.of, pieces))
    careful = merged_by_lines(generated, "".join(pieces), node.version)
    assert quick is None or ("".join(quick), ()) == (careful.text, careful.losses)
    return quick is not None


@given(well_formed(), RELEASES, states)
def test_a_well_formed_text_merges_alike_both_ways(local: tuple[str, ...], release: str, state: SdnState) -> None:
    assert same_or_declined(state, release, text_of(local)), "and the quick way takes it"


@given(soup, RELEASES, states)
def test_whatever_the_quick_way_takes_it_merges_alike(local: tuple[str, ...], release: str, state: SdnState) -> None:
    same_or_declined(state, release, text_of(local))


@given(well_formed(), well_formed(), RELEASES)
def test_two_pieces_merge_as_one_file(first: tuple[str, ...], second: tuple[str, ...], release: str) -> None:
    same_or_declined(homelab(), release, text_of(first), text_of(second))


SPACED = [" ", "\t", "\r", "\f", "\v"]


@pytest.mark.parametrize("space", SPACED)
def test_a_line_that_ends_in_white_space_is_left_to_the_careful_way(space: str) -> None:
    text = f"router ospf\n passive-interface default{space}\nexit\n"
    assert not same_or_declined(homelab(), "9.1", text)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_rendered_is_taken_by_the_quick_way(name: str) -> None:
    """A stanza that the grammar does not know makes rendering slow without a word: ten times at 128 hosts."""
    for bundle in bundles_of(name):
        if bundle.kind == "pve":
            assert Piece.of(bundle.text(FRR_CONF_LOCAL)).blocks is not None, bundle.host
