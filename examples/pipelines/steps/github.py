"""Writes one comment or one issue on GitHub, and writes it anew when it is there: ``github.py comment|fork|issue ...``.

Its own it finds by the text's first line and by who wrote it: a comment of somebody else that begins with the same line
is left alone.  GitHub is asked by ``gh api`` with the token in GH_TOKEN, which is in no argument.

- ``comment NUMBER FILE``: on a pull request of this repository.
- ``fork FILE``: on the open pull request of HEAD_OWNER's HEAD_BRANCH whose last commit is HEAD_SHA.  Which one it is
  comes from GitHub, not from what the fork left; if there is none, somebody has pushed since, and nothing is written.
- ``issue TITLE MARKER FILE``: opened when the file has a text, closed when it is empty.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ME = os.environ.get("COMMENTS_AS", "github-actions[bot]")
"""Who comments with a workflow's own token."""

REPOSITORY = f"repos/{os.environ['GITHUB_REPOSITORY']}"


def api(*arguments: str) -> Any:
    """Ask GitHub, and return what it answers."""
    said = subprocess.run(["gh", "api", *arguments], stdout=subprocess.PIPE, check=True).stdout
    return json.loads(said) if said.strip() else None


def listed(path: str, *fields: str) -> list[Any]:
    """Return all pages of a list."""
    arguments = [word for field in ("per_page=100", *fields) for word in ("--raw-field", field)]
    return [one for page in api("--method", "GET", "--paginate", "--slurp", path, *arguments) for one in page]


def mine(found: list[Any], marker: str) -> Any:
    """Return the first that this workflow wrote under a marker."""
    return next((one for one in found if one["user"]["login"] == ME and (one["body"] or "").startswith(marker)), None)


def comment(number: str, file: Path) -> None:
    """Write a comment, or write it anew."""
    marker = file.read_text().partition("\n")[0]
    before = mine(listed(f"{REPOSITORY}/issues/{number}/comments"), marker)
    if before is None:
        api("--method", "POST", f"{REPOSITORY}/issues/{number}/comments", "--field", f"body=@{file}")
    else:
        api("--method", "PATCH", f"{REPOSITORY}/issues/comments/{before['id']}", "--field", f"body=@{file}")


def fork(file: Path) -> None:
    """Write the comment of the pull request that a fork's run was for."""
    owner, branch, sha = (os.environ[name] for name in ("HEAD_OWNER", "HEAD_BRANCH", "HEAD_SHA"))
    found = listed(f"{REPOSITORY}/pulls", "state=open", f"head={owner}:{branch}")
    numbers = [one["number"] for one in found if one["head"]["sha"] == sha]
    if not numbers:
        print("No open pull request has this commit as its last one: nothing is written.")
    for number in numbers:
        comment(str(number), file)


def issue(title: str, marker: str, file: Path) -> None:
    """Open the one issue, write it anew, or close it."""
    before = mine(listed(f"{REPOSITORY}/issues", "state=open", f"creator={ME}"), marker)
    if file.stat().st_size:
        where = (
            ("POST", f"{REPOSITORY}/issues") if before is None else ("PATCH", f"{REPOSITORY}/issues/{before['number']}")
        )
        api("--method", *where, "--raw-field", f"title={title}", "--field", f"body=@{file}")
    elif before is not None:
        api("--method", "PATCH", f"{REPOSITORY}/issues/{before['number']}", "--raw-field", "state=closed")


def main() -> None:
    """Do what the first argument says."""
    match sys.argv[1:]:
        case ["comment", number, file]:
            comment(number, Path(file))
        case ["fork", file]:
            fork(Path(file))
        case ["issue", title, marker, file]:
            issue(title, marker, Path(file))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
