"""Who holds what: the name of a process, and whether it still lives."""

from __future__ import annotations

import os
import socket
import uuid


def new_holder() -> str:
    """A name that says which process of which machine holds something."""
    return f"{socket.gethostname()}/{os.getpid()}-{uuid.uuid4().hex[:12]}"


def is_dead(holder: str) -> bool:
    """Whether a holder of this machine is no more; of another machine nobody can say."""
    host, _, process = holder.rpartition("/")
    number = process.partition("-")[0]
    return host == socket.gethostname() and number.isdecimal() and not _alive(int(number))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True
