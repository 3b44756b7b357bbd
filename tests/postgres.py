"""A PostgreSQL server of our own for the tests: fresh, on a free port, gone afterwards.

`TEST_POSTGRES_URL` names an existing server instead; its user must be allowed to create databases.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

START_SECONDS_MAX = 30.0
SUPERUSER = "carbonaccount"
HOST = "127.0.0.1"


class PostgresUnavailable(pytest.skip.Exception):  # type: ignore[name-defined,misc]
    """Raised when no server can be had; a test that meets it is skipped with these words."""


def find_binaries() -> Path | None:
    """Return the folder of initdb and postgres, the newest version when there are several."""
    versions = [
        folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if (folder / "initdb").exists() and (folder / "postgres").exists()
    ]
    if versions:
        return max(versions, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    if found and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    return None


@contextmanager
def running_postgres(
    settings: Mapping[str, str] | None = None, *, folder_in: str | None = None
) -> Iterator[str]:
    """Run a server until the block ends; yield the SQLAlchemy URL of its database `postgres`.

    The settings are PostgreSQL's own but for `settings`, so fsync stays on unless they say
    `{"fsync": "off"}`. Its files are in `folder_in`, by default where temporary files are. Raises
    PostgresUnavailable when there is neither a program nor TEST_POSTGRES_URL, or when the server
    does not start.
    """
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        url = make_url(given).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
        return
    binaries = find_binaries()
    if binaries is None:
        raise PostgresUnavailable("PostgreSQL is missing: no initdb, no TEST_POSTGRES_URL")
    with tempfile.TemporaryDirectory(prefix="carbonaccount-postgres-", dir=folder_in) as name:
        folder = Path(name)
        user = _unprivileged_user()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        password = secrets.token_urlsafe(24)
        _initialise(binaries, folder, user=user, password=password)
        port = _free_port()
        options = {"port": str(port), "unix_socket_directories": str(folder), **(settings or {})}
        url = URL.create("postgresql+psycopg", SUPERUSER, password, HOST, port, "postgres")
        process = _start(binaries, folder, user=user, options=options)
        try:
            _wait_until_ready(url, process, folder / "log")
            yield url.render_as_string(hide_password=False)
        finally:
            _stop(process)


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Return the user to run the server as, None when we are not root: root is refused."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresUnavailable(
        "PostgreSQL is not available to root without a user postgres or nobody"
    )


def _identity(user: pwd.struct_passwd | None) -> dict[str, object]:
    """Return the arguments that make a child process run as a user, in a neutral language."""
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    # Variables such as PGPORT or PGDATA would turn our programs to another server.
    environment = {key: value for key, value in environment.items() if not key.startswith("PG")}
    identity: dict[str, object] = {"env": environment, "stdin": subprocess.DEVNULL}
    if user is not None:
        identity |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return identity


def _initialise(
    binaries: Path, folder: Path, *, user: pwd.struct_passwd | None, password: str
) -> None:
    """Make the cluster in folder/data, in UTF-8 and with a password for every connection."""
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    if user is not None:
        os.chown(secret, user.pw_uid, user.pw_gid)
    result = subprocess.run(
        [
            str(binaries / "initdb"),
            f"--pgdata={folder / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            # The cluster itself may be lost in a power failure; the fsync of the server stays.
            "--no-sync",
            "--no-instructions",
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **_identity(user),  # type: ignore[call-overload]
    )
    secret.unlink()
    if result.returncode:
        output = result.stdout.decode(errors="replace")
        raise PostgresUnavailable(f"PostgreSQL is not available, initdb failed: {output[-500:]}")


def _start(
    binaries: Path, folder: Path, *, user: pwd.struct_passwd | None, options: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """Start the server as our child, reachable from this machine only."""
    options = {"listen_addresses": HOST, "max_connections": "120", **options}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with (folder / "log").open("wb") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [str(binaries / "postgres"), "-D", str(folder / "data"), *arguments],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent(),
            **_identity(user),  # type: ignore[call-overload]
        )
    return process


def _free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> "partial[int] | None":
    """Return what makes the child stop when we are killed: no server outlives a test run."""
    if not sys.platform.startswith("linux"):
        return None
    # The library is loaded here: between fork and exec a child should do as little as it can.
    libc = ctypes.CDLL(None)
    set_parent_death_signal = 1
    return partial(libc.prctl, set_parent_death_signal, signal.SIGQUIT)


def _wait_until_ready(url: URL, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            psycopg.connect(conninfo, connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-500:]
                raise PostgresUnavailable(
                    f"PostgreSQL is not available, the server did not start: {said}"
                ) from None
            time.sleep(0.02)
        else:
            return


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End our own process: by closing its connections, at once after ten seconds."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        # SIGQUIT ends all children of the server too, which SIGKILL would leave behind.
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=10)
