"""Ranges collapsed, side by side with what Python's own library says of them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from hypothesis import given, settings
from hypothesis import strategies as st

from trellis.site.territory import collapsed

# Few addresses, so that many prefixes are neighbours, halves of one another, or within one another.
IPV4 = st.builds(
    lambda number, length: IPv4Network((number << 24 & ~((1 << (32 - length)) - 1), length)),
    st.integers(0, 255),
    st.integers(0, 8),
)
IPV6 = st.builds(
    lambda number, length: IPv6Network((number & ~((1 << (128 - length)) - 1), length)),
    st.integers(0, 63),
    st.integers(122, 128),
)


@settings(max_examples=300)
@given(st.lists(st.one_of(IPV4, IPV6)))
def test_the_fewest_prefixes_cover_the_same_addresses(prefixes: list[IPv4Network | IPv6Network]) -> None:
    assert collapsed(prefixes) == (
        *collapse_addresses(prefix for prefix in prefixes if isinstance(prefix, IPv4Network)),
        *collapse_addresses(prefix for prefix in prefixes if isinstance(prefix, IPv6Network)),
    )
