"""An edge's password comes from a file of its owner alone, or from the environment, and is shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis.routeros.password import NoPassword, password_given


def test_a_file_goes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("of the file\r\n")
    file.chmod(0o600)
    assert password_given("edge1", file, {"TRELLIS_ROUTEROS_PASSWORD": "other"}) == "of the file"


def test_an_edges_own_variable_goes_before_the_one_for_all() -> None:
    given = {"TRELLIS_ROUTEROS_PASSWORD": "all", "TRELLIS_ROUTEROS_PASSWORD_EDGE_WEST": "own"}
    assert password_given("edge-west", None, given) == "own"
    assert password_given("edge1", None, given) == "all"


def test_none_is_told_with_what_would_give_one() -> None:
    with pytest.raises(NoPassword, match="--password-file or in TRELLIS_ROUTEROS_PASSWORD"):
        password_given("edge1", None, {})


@pytest.mark.parametrize("text", ["", "\n", "two\nlines", "a\x00b", "bell\x07"])
def test_what_is_no_line_is_no_password(text: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(NoPassword) as caught:
        password_given("edge1", file, {})
    assert not text.strip() or text not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("known to all")
    file.chmod(mode)
    with pytest.raises(NoPassword, match="chmod 0600") as caught:
        password_given("edge1", file, {})
    assert "known to all" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoPassword, match="No such file"):
        password_given("edge1", tmp_path / "password", {})
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    (tmp_path / "password").chmod(0o600)
    with pytest.raises(NoPassword, match="UTF-8"):
        password_given("edge1", tmp_path / "password", {})
