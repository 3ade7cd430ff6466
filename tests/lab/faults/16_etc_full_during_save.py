"""Fault 16: /etc fills up while the files are written; and when all is written and FRR is to be given back."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, causes, ends, proofs

FAULTS = (
    Fault(
        number=16,
        variant="while files are written",
        what="/etc full during save",
        must="frr.conf never empty or cut",
        cause=causes.small_file_system(free_kib=12),
        proof=proofs.said("No space left on device"),
        end=ends.unharmed(),
    ),
    Fault(
        number=16,
        variant="and bgpd crashes",
        what="/etc full during save",
        must="frr.conf never empty or cut",
        cause=causes.small_file_system(free_kib=512),
        strike=Strike(AT_RELOAD, causes.both(causes.fill_etc, causes.kill("bgpd"))),
        proof=proofs.fact(" 0 /etc"),
        end=ends.taken_back(),
    ),
)
