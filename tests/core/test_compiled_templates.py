"""Compiled templates are kept as Python keeps compiled modules: never in place of a newer text, never at a price."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trellis.render import stanzas

_FILL = """
import sys
from pathlib import Path
from trellis.render import stanzas
stanzas._TEMPLATES = Path(sys.argv[1])
print(stanzas.Stanzas().fill("line.j2", name="vnet101"))
"""


def filled(templates: Path, *options: str) -> str:
    argv = [sys.executable, *options, "-c", _FILL, str(templates)]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, env={}, cwd=Path(stanzas.__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    (tmp_path / "line.j2").write_text("interface {{ name }}")
    return tmp_path


def kept(templates: Path) -> list[Path]:
    return list(templates.glob("__pycache__/*"))


def test_a_template_is_compiled_once_and_again_when_it_has_changed(templates: Path) -> None:
    assert filled(templates) == "interface vnet101"
    (compiled,) = kept(templates)
    before = compiled.stat().st_mtime_ns, compiled.stat().st_ino
    assert filled(templates) == "interface vnet101"
    assert (compiled.stat().st_mtime_ns, compiled.stat().st_ino) == before
    (templates / "line.j2").write_text("exit {{ name }}")
    assert filled(templates) == "exit vnet101"


def test_a_compiled_template_that_was_cut_short_is_made_anew(templates: Path) -> None:
    filled(templates)
    (compiled,) = kept(templates)
    compiled.write_bytes(compiled.read_bytes()[:-20])
    assert filled(templates) == "interface vnet101"


def test_where_nothing_may_be_written_templates_are_compiled_each_time(templates: Path) -> None:
    (templates / "__pycache__").write_text("a file in the way, so that not even root can write")
    assert filled(templates) == "interface vnet101"


def test_python_that_keeps_no_byte_code_keeps_no_template(templates: Path) -> None:
    assert filled(templates, "-B") == "interface vnet101"
    assert kept(templates) == []
