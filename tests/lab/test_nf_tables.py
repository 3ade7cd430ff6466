"""The hosts' kernel loads tables of the family `inet`: its module is built from its own source and configuration."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from trellis.lab.errors import LabError
from trellis.lab.nf_tables import MODULES, OPTIONS, rebuild, source_package

# Stands in for the kernel's own: it notes what it was asked for, and "builds" a module that says for which release.
MAKEFILE = """VERSION = 7
PATCHLEVEL = 2
SUBLEVEL = 13
EXTRAVERSION = -rc1

olddefconfig modules_prepare:
\t@echo $@ >> asked

net/netfilter/nf_tables.ko net/bridge/netfilter/nft_meta_bridge.ko:
\t@mkdir -p $(dir $@)
\t@echo $(VERSION).$(PATCHLEVEL).$(SUBLEVEL)$(EXTRAVERSION) > $@
"""
CONFIG = "CONFIG_NF_TABLES=m\n# CONFIG_NF_TABLES_INET is not set\nCONFIG_NET_VRF=m\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder that holds a source package, unpacked, and beside it a configuration."""
    tree = tmp_path / "linux-source-7.2"
    (tree / "drivers" / "net").mkdir(parents=True)
    (tree / "drivers" / "net" / "device.c").touch()
    (tree / "drivers" / "net" / "Kconfig").touch()
    (tree / "Makefile").write_text(MAKEFILE)
    archive = tmp_path / "package" / "usr" / "src" / "linux-source-7.2.tar.xz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:xz") as packed:
        packed.add(tree, arcname="linux-source-7.2")
    (tmp_path / "config.gz").write_bytes(gzip.compress(CONFIG.encode()))
    for module in MODULES:
        (tmp_path / "modules" / module).parent.mkdir(parents=True)
    return tmp_path


def test_the_module_is_built_for_the_release_that_runs_and_not_for_that_of_the_source(source: Path) -> None:
    rebuild(source / "package", source / "config.gz", "7.2.7", source / "modules", source / "tree")
    assert {(source / "modules" / module).read_text().strip() for module in MODULES} == {"7.2.7"}
    assert (source / "tree" / "asked").read_text().split() == ["olddefconfig", "modules_prepare"]


def test_only_the_missing_families_are_added_to_the_kernels_own_configuration(source: Path) -> None:
    rebuild(source / "package", source / "config.gz", "7.2.7", source / "modules", source / "tree")
    lines = (source / "tree" / ".config").read_text().splitlines()
    assert lines == ["CONFIG_NF_TABLES=m", "CONFIG_NET_VRF=m", *OPTIONS]


def test_code_that_is_not_compiled_is_not_unpacked(source: Path) -> None:
    rebuild(source / "package", source / "config.gz", "7.2.7", source / "modules", source / "tree")
    assert [entry.name for entry in (source / "tree" / "drivers" / "net").iterdir()] == ["Kconfig"]


def test_a_build_that_fails_says_the_compilers_last_words(source: Path) -> None:
    tree = source / "linux-source-7.2"
    (tree / "Makefile").write_text("olddefconfig:\n\t@echo flex: not found; exit 1\n")
    with tarfile.open(source / "package/usr/src/linux-source-7.2.tar.xz", "w:xz") as packed:
        packed.add(tree, arcname="linux-source-7.2")
    with pytest.raises(LabError, match="flex: not found"):
        rebuild(source / "package", source / "config.gz", "7.2.7", source / "modules", source / "tree")


def test_a_kernel_with_a_release_of_another_form_is_refused() -> None:
    assert source_package("6.12.3") == "linux-source-6.12"
    with pytest.raises(LabError, match="not of the form"):
        source_package("7.2-rc1")
