"""Writes one note or one issue on GitLab, and writes it anew when it is there: ``gitlab.py note|issue ...``.

Its own it finds by the text's first line and by who wrote it.  GitLab is asked over its REST API with the token in
NOTE_TOKEN: a job's own token may write neither notes nor issues.

- ``note FILE``: on the merge request of the pipeline.
- ``issue TITLE MARKER FILE``: opened when the file has a text, closed when it is empty.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

PROJECT = f"/projects/{os.environ['CI_PROJECT_ID']}"
PAGE = 100
"""Entries of a page, the most that GitLab gives."""


def api(method: str, path: str, **fields: str) -> Any:
    """Ask GitLab, and return what it answers."""
    address = os.environ["CI_API_V4_URL"] + path
    body = None
    if method == "GET":
        address += f"?{urlencode(fields)}"
    else:
        body = json.dumps(fields).encode()
    headers = {"PRIVATE-TOKEN": os.environ["NOTE_TOKEN"], "Content-Type": "application/json"}
    with urlopen(Request(address, body, headers, method=method), timeout=30) as answer:  # noqa: S310 (GitLab names it)
        return json.loads(answer.read())


def listed(path: str, **fields: str) -> Iterator[Any]:
    """Yield each entry of all pages of a list."""
    page = 1
    while found := api("GET", path, per_page=str(PAGE), page=str(page), **fields):
        yield from found
        if len(found) < PAGE:
            return
        page += 1


def mine(found: Iterator[Any], marker: str, text: str) -> Any:
    """Return the first that this token's user wrote under a marker."""
    me = api("GET", "/user")["id"]
    return next((one for one in found if one["author"]["id"] == me and (one[text] or "").startswith(marker)), None)


def note(file: Path) -> None:
    """Write the note, or write it anew."""
    body, path = file.read_text(), f"{PROJECT}/merge_requests/{os.environ['CI_MERGE_REQUEST_IID']}/notes"
    before = mine(listed(path), body.partition("\n")[0], "body")
    if before is None:
        api("POST", path, body=body)
    else:
        api("PUT", f"{path}/{before['id']}", body=body)


def issue(title: str, marker: str, file: Path) -> None:
    """Open the one issue, write it anew, or close it."""
    body, path = file.read_text(), f"{PROJECT}/issues"
    before = mine(listed(path, state="opened", scope="created_by_me"), marker, "description")
    if not body:
        if before is not None:
            api("PUT", f"{path}/{before['iid']}", state_event="close")
    elif before is None:
        api("POST", path, title=title, description=body)
    else:
        api("PUT", f"{path}/{before['iid']}", title=title, description=body)


def main() -> None:
    """Do what the first argument says."""
    match sys.argv[1:]:
        case ["note", file]:
            note(Path(file))
        case ["issue", title, marker, file]:
            issue(title, marker, Path(file))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
