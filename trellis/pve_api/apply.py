"""The judgement before an SDN apply: refused while it would do what the site does not say.

Between the look and the provider's apply some milliseconds are left in which somebody may still change something: the
provider cannot carry the lock token that would close them (`POST /cluster/sdn/lock`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trellis.pve import SdnState
from trellis.pve_api.client import Api, ApiProblem
from trellis.pve_api.dry_run import surprises
from trellis.pve_api.pending import Pending, foreign

AT_ONCE = 8
"""Nodes that are asked at the same time."""

_MORE = (
    ("fabric", "/cluster/sdn/fabrics/fabric", "id"),
    ("node of fabric", "/cluster/sdn/fabrics/node", "fabric_id"),
    ("prefix-list", "/cluster/sdn/prefix-lists", "id"),
    ("route-map", "/cluster/sdn/route-maps", "id"),
)
"""Objects that a site never has and that an apply brings into force all the same; newer releases have them."""


class ApplyRefused(Exception):
    """An SDN apply that would do what the site does not say; the message says all of it."""


def refuse_unless_ours(
    endpoint: str, token: str, wanted: SdnState, computed: Mapping[str, tuple[str, str]] | None = None
) -> None:
    """Raise unless an SDN apply would bring what the site says into force, and nothing else.

    Args:
        endpoint: The cluster's API, ``https://HOST:PORT``.
        token: The provider's token.
        wanted: What Proxmox shall hold.
        computed: By node, what Proxmox was computed to generate, and the whole frr.conf; None asks for no dry run.

    Raises:
        ApplyRefused: Something pending is not ours, Proxmox would generate something else, or it does not answer.
    """
    api = Api(endpoint, token)
    try:
        strange = foreign(_pending(api), wanted)
        if strange:
            raise ApplyRefused(_of_others(strange))
        otherwise = _foreseen(api, computed or {})
    except ApiProblem as problem:
        raise ApplyRefused(
            f"the SDN apply is refused: {endpoint} does not say what is pending: {problem}\n"
            "  why:    an apply brings every pending change of the cluster into force, whoever made it\n"
            "  remedy: see that the API answers and that the token may read SDN (SDN.Audit on /sdn), then run again"
        ) from None
    if otherwise:
        raise ApplyRefused(_of_proxmox(otherwise))


def _pending(api: Api) -> Pending:
    vnets = _listed(api, "/cluster/sdn/vnets")
    subnets = [subnet for vnet in vnets for subnet in _subnets(api, str(vnet["vnet"]))]
    others = [(f"{kind} {entry.get(key, '?')}", entry) for kind, path, key in _MORE for entry in _if_known(api, path)]
    controllers, zones = (_listed(api, f"/cluster/sdn/{kind}") for kind in ("controllers", "zones"))
    return Pending(tuple(controllers), tuple(zones), tuple(vnets), tuple(subnets), tuple(others))


def _listed(api: Api, path: str) -> list[dict[str, Any]]:
    found = api.get(path, pending="1")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _if_known(api: Api, path: str) -> list[dict[str, Any]]:
    try:
        return _listed(api, path)
    except ApiProblem as problem:
        # 400: there, but its list does not take `pending`.
        if problem.unknown or problem.status == 400:
            return []
        raise


def _subnets(api: Api, vnet: str) -> list[dict[str, Any]]:
    try:
        return _listed(api, f"/cluster/sdn/vnets/{vnet}/subnets")
    except ApiProblem as problem:
        if "does not exist" in str(problem):
            return []  # of a VNet that is to be deleted
        raise


def _foreseen(api: Api, computed: Mapping[str, tuple[str, str]]) -> list[str]:
    """What each node would generate that was not computed; nothing from releases that cannot say."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    def asked(node: str) -> Iterator[str]:
        try:
            answer = api.get("/cluster/sdn/dry-run", node=node)
        except ApiProblem as problem:
            if problem.status == 400:
                yield f"{node} is no node that Proxmox can ask: {problem}"
            elif not problem.unknown:
                raise
            return
        diff = answer.get("frr-diff") if isinstance(answer, dict) else None
        yield from (f"{node} {line}" for line in surprises(diff, *computed[node]))

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return [line for lines in pool.map(lambda node: list(asked(node)), sorted(computed)) for line in lines]


def _of_others(strange: list[str]) -> str:
    lines = "\n".join(f"  - {line}" for line in strange)
    return (
        f"the SDN apply is refused: {len(strange)} pending change(s) of the cluster are not this site's\n{lines}\n"
        "  why:    an apply brings every pending change into force on every node at once, whoever made it\n"
        "  remedy: ask who is changing SDN (whoever has SDN.Allocate can). They apply theirs (Datacenter, SDN, Apply;\n"
        "          `pvesh set /cluster/sdn`) or revert them one by one there; `pvesh create /cluster/sdn/rollback`\n"
        "          drops all that is pending, this run's too (from Proxmox VE 9.0 on). Then run `pulumi up` again; or\n"
        "          put the change into the site. The hosts' own configuration was not changed"
    )


def _of_proxmox(otherwise: list[str]) -> str:
    shown = [*otherwise[:20], *([f"and {len(otherwise) - 20} more"] if len(otherwise) > 20 else [])]
    lines = "\n".join(f"  - {line}" for line in shown)
    return (
        f"the SDN apply is refused: Proxmox says that it would generate something else than was computed\n{lines}\n"
        "  why:    each host's routing was computed, checked and shown on top of what Proxmox generates\n"
        "  remedy: see whether pve_version in the site is what `pveversion` prints, and whether frr.conf.local was\n"
        "          edited on the host (`trellis check`); else report this message: what Proxmox generates has changed"
    )
