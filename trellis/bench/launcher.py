"""Starts commands for the measurements, one after another, and says what each has taken.

It is a process of its own, and small: Linux counts the memory of whoever starts a process into that process's peak,
and the command line's own is larger than a floor.  Standard library alone; a line of JSON in, a line of JSON out.
"""

import json
import os
import sys
import time

_READ, _WRITE = os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def launched(
    argv: list[str], standard_input: str, standard_output: str, standard_error: str | None = None
) -> dict[str, float]:
    """Run a command and wait for its end.

    Args:
        argv: The command.
        standard_input: Path of a file.
        standard_output: Path of a file, made anew.
        standard_error: The same; None leaves it ours.

    Returns:
        Wall, user and system seconds, peak memory in bytes, and the exit status.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, standard_input, _READ, 0),
        (os.POSIX_SPAWN_OPEN, 1, standard_output, _WRITE, 0o600),
    ]
    if standard_error is not None:
        actions.append((os.POSIX_SPAWN_OPEN, 2, standard_error, _WRITE, 0o600))
    started = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    return {
        "wall_s": time.perf_counter() - started,
        "user_s": usage.ru_utime,
        "system_s": usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
        "status": os.waitstatus_to_exitcode(status),
    }


def main() -> None:
    """Answer each line of standard input with one of standard output."""
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write(json.dumps(launched(**request)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
