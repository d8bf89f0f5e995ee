"""Who holds a port: asked of the kernel, so that an operator knows what to stop."""

import errno
import socket
from pathlib import Path

from fedcredit.errors import CoordinatorError, PortInUseError

_LISTENING = "0A"
"""State of a listening socket in ``/proc/net/tcp``."""

LARGEST_UNPRIVILEGED = 1023


def listening(
    host: str, port: int, *, what: str, option: str, config: str = "coordinator.toml"
) -> socket.socket:
    """Return a socket that listens, or say why none can.

    Parameters
    ----------
    host, port : str, int
        Where; port 0 for any free one.
    what : str
        Whose port it is, for people.
    option : str
        Its key in the configuration file.
    config : str
        Name of that file.

    Raises
    ------
    PortInUseError
        Naming the process that listens there, when this user may know it.
    CoordinatorError
        When the address is not this machine's, or the port may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio sends small answers at once only where it knows that it is TCP.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # As uvicorn does: an address that only waits for old connections to die is free.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen(512)
        return opened
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"another program listens on {what}'s port",
                expected=f"port {port} of {host} to be free",
                found=holder(port),
                remedy=f"end what listens there (ss -ltnp), or set another {option} in {config}",
            ) from None
        raise CoordinatorError(
            f"{what} cannot listen",
            expected=f"an address of this machine and a port above {LARGEST_UNPRIVILEGED}, "
            f"not {host}:{port}",
            found=str(error.strerror),
            remedy=f"correct host and {option} in {config}",
        ) from None


def holder(port: int) -> str:
    """Return the process that listens on a TCP port of this machine, in words.

    Only the program's name is told: a command line may hold paths and secrets.
    """
    sockets = _listening_sockets(port)
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            for handle in (process / "fd").iterdir():
                if str(handle.readlink()) in sockets:
                    return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:  # another user's, or it has just ended
            continue
    return "a process of another user" if sockets else "a program that this machine does not show"


def _listening_sockets(port: int) -> set[str]:
    found: set[str] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
