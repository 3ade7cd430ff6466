"""What differs between Proxmox VE releases in the FRR text that its SDN writes, as data.

Each release is one row; the code that generates and merges asks the row, never the release's name.  What is the
same in all of them (the statements of an EVPN controller and of a zone) is in ``generated``.  Which release a
host runs is stated in the site; comparing that with the host is the agent's business.
"""

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class MergeStyle(Enum):
    """How pve-network merges frr.conf.local into what it generates."""

    SORTED = "sorted"
    """Up to 1.2.5: takes the text apart, strips all indentation, and prints it sorted."""

    VERBATIM = "verbatim"
    """From 1.3.0: what Proxmox did not generate is passed through as written, in file order."""


@dataclass(frozen=True, slots=True)
class PveVersion:
    """One Proxmox VE release as far as its FRR text depends on it.

    Attributes:
        release: As the site names it, e.g. ``9.1``.
        first_package: Oldest libpve-network-perl that behaves so; a host below it must be refused or updated.
        before_package: The first libpve-network-perl that behaves otherwise, or ``None`` if none is known.
        frr_header: The ``frr version`` line that it writes, whatever FRR is installed.
        merge_style: How frr.conf.local is merged.
        peer_group: Name of the peer-group of the EVPN peers.
        route_map_in: Route-map on what comes from the EVPN peers.
        route_map_out: Route-map on what goes to the EVPN peers.
        regenerates_without_sdn: Whether frr.conf is rewritten when only frr.conf.local exists.
        observed: Whether that release's own code has been run; ``False`` means inferred.
        source: Where the row comes from.
    """

    release: str
    first_package: str
    before_package: str | None
    frr_header: str
    merge_style: MergeStyle
    peer_group: str
    route_map_in: str
    route_map_out: str
    regenerates_without_sdn: bool
    observed: bool
    source: str

    def package_matches(self, package: str) -> bool:
        """Whether a host with this libpve-network-perl behaves as this row says.

        Args:
            package: The installed version, e.g. ``1.3.0`` (a Debian revision or epoch is not expected).

        Returns:
            ``True`` from ``first_package`` on, below ``before_package``.
        """
        installed = _numbers(package)
        if installed < _numbers(self.first_package):
            return False
        return self.before_package is None or installed < _numbers(self.before_package)

    def instance_statements(self, frr_release: str) -> tuple[str, ...]:
        """What every generated BGP instance must be told, for FRR to print what it was given.

        FRR takes its defaults from the ``frr version`` line of the file and prints what differs from those of the
        installed release: so a header that is older than a change of default makes every reload undo it.

        Args:
            frr_release: The installed FRR, e.g. ``10.3``.

        Returns:
            Statements for ``router bgp``, without indentation; none where header and FRR agree.
        """
        header = _numbers(self.frr_header.removeprefix("frr version "))
        return tuple(
            statement for changed_in, statement in _CHANGED_DEFAULTS if header < changed_in <= _numbers(frr_release)
        )


# Measured on FRR 10.3 with headers from 8.5.2 to 10.6: on from 9.1, and no other default of these texts changed.
_CHANGED_DEFAULTS = (((9, 1), "no bgp enforce-first-as"),)


class UnknownPveVersion(ValueError):
    """The site names a Proxmox VE release that Trellis has no row for."""


def _numbers(package: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in package.split("."))


_CONTROLLER = {"peer_group": "VTEP", "route_map_in": "MAP_VTEP_IN", "route_map_out": "MAP_VTEP_OUT"}

_ROWS = (
    PveVersion(
        release="8.4",
        first_package="0.11.0",
        before_package="1.0.0",
        frr_header="frr version 8.5.2",
        merge_style=MergeStyle.SORTED,
        regenerates_without_sdn=False,
        observed=True,
        source="pve-network 0.11.2 (April 2025)",
        **_CONTROLLER,
    ),
    PveVersion(
        release="9.0",
        first_package="1.1.0",
        before_package="1.2.0",
        frr_header="frr version 10.3.1",
        merge_style=MergeStyle.SORTED,
        regenerates_without_sdn=False,
        observed=True,
        source="pve-network 1.1.8 (September 2025)",
        **_CONTROLLER,
    ),
    PveVersion(
        # 1.2.0 to 1.2.5 also came with 9.1 and still merge in the old style: a host on them is to be updated.
        release="9.1",
        first_package="1.3.0",
        before_package="1.4.0",
        frr_header="frr version 10.4.1",
        merge_style=MergeStyle.VERBATIM,
        regenerates_without_sdn=True,
        observed=True,
        source="pve-network 1.3.0 (28 March 2026) with proxmox-frr-templates 0.1.0",
        **_CONTROLLER,
    ),
    PveVersion(
        # The controller can name its peer-group and route-maps here; these are its defaults.
        release="9.2",
        first_package="1.4.0",
        before_package=None,
        frr_header="frr version 10.4.1",
        merge_style=MergeStyle.VERBATIM,
        regenerates_without_sdn=True,
        observed=False,
        source="inferred: proxmox-frr-templates 0.1.2 (15 May 2026) print the same text for what is used here",
        **_CONTROLLER,
    ),
)

VERSIONS = MappingProxyType({row.release: row for row in _ROWS})
"""Every supported release by the name that the site uses."""


def pve_version(release: str) -> PveVersion:
    """The row of a release.

    Args:
        release: Major and minor, e.g. ``9.1``.

    Returns:
        The release's data.

    Raises:
        UnknownPveVersion: No row has that name.
    """
    row = VERSIONS.get(release)
    if row is None:
        known = ", ".join(VERSIONS)
        raise UnknownPveVersion(
            f"Proxmox VE {release}: what its SDN generates is not known here, so the config that a host would "
            f"run can't be computed; use one of {known}, or add a row to trellis/pve/versions.py"
        )
    return row
