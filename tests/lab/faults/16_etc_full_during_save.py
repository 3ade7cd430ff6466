"""Fault 16: /etc fills up while the files are written; and when all is written and FRR is to be given back."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, causes, ends, proofs

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

# Written in place, files would fit here: what an old one held is free once it is opened to be written anew.
MUTANT = Mutant(
    what="an old file is moved aside before the new one is written",
    rewrites=(
        Rewrite(
            "trellis/agent/files.py",
            "            _write(_beside(file.path, _NEW), vault.fill(file.content), file.mode, _ids(file))\n",
            "            if Path(file.path).exists():\n"
            "                Path(file.path).rename(_beside(file.path, _OLD))\n"
            "            _write(_beside(file.path, _NEW), vault.fill(file.content), file.mode, _ids(file))\n",
        ),
    ),
    because=r"/etc/frr/frr\.conf(\.local)? is gone",
    variant="while files are written",
)
