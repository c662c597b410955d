"""Debian's Postfix as a child process with a configuration, a queue and a port of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ictcore.testing.require import require, require_program
from ictcore.testing.servers import ServerProcess, free_port

_DAEMONS: Final = "/usr/lib/postfix/sbin"

_MAIN: Final = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
local_transport = error:no local mail
default_transport = error:5.4.4 nothing leaves this test
relay_domains = {domains}
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
recipient_delimiter = +
transport_maps = texthash:{folder}/transport
notify_classes =
delay_warning_time = 0
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
maximal_queue_lifetime = 1h
lmtp_connect_timeout = 5s
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
smtp_destination_concurrency_limit = 20
"""

_MASTER: Final = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 5 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""

_QUEUES: Final = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace",
)  # fmt: skip


class PostfixServer:
    """Takes mail on a free port of 127.0.0.1 from anybody here and passes it on as ``transports`` says.

    :param transports: domain -> next hop in Postfix's form, such as ``lmtp:inet:127.0.0.1:2400``; no other domain is
        ever delivered to.
    :param master: further lines of ``master.cf``.
    :param main: further lines of ``main.cf``.
    :ivar port: where it takes mail by SMTP.
    """

    def __init__(self, transports: Mapping[str, str], *, master: Sequence[str] = (), main: Sequence[str] = ()) -> None:
        self.port = free_port()
        self._transports = dict(transports)
        self._master, self._main = list(master), list(main)
        self._folder: Path | None = None
        self._process: ServerProcess | None = None

    @property
    def folder(self) -> Path:
        """Its folder, readable by everybody, once it was started."""
        assert self._folder is not None
        return self._folder

    def start(self) -> PostfixServer:
        """Start it and wait until it listens. Needs root. Skips the test (or fails it: ``ICTCORE_REQUIRE=postfix``)."""
        require("postfix", os.geteuid() == 0, "only root can start it")
        program = require_program("postfix", "master", [_DAEMONS])
        self._folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self._write(self._folder)
        argv: list[str | Path] = [program, "-c", self._folder / "etc", "-d"]
        self._process = ServerProcess(argv, log=self._folder / "out", port=self.port)
        self._process.start()
        return self

    def _write(self, folder: Path) -> None:
        folder.chmod(0o755)
        etc, queue, data = folder / "etc", folder / "queue", folder / "data"
        for path in (etc, queue, data, queue / "pid"):
            path.mkdir()
        for name in _QUEUES:
            (queue / name).mkdir(0o700)
            shutil.chown(queue / name, "postfix")
        for name, mode in (("maildrop", 0o1730), ("public", 0o710)):
            (queue / name).mkdir()
            shutil.chown(queue / name, "postfix", "postdrop")
            (queue / name).chmod(mode)
        shutil.chown(data, "postfix")
        lines = [f"{domain} {hop}\n" for domain, hop in self._transports.items()]
        (folder / "transport").write_text("".join(lines))
        main = _MAIN.format(folder=folder, daemons=_DAEMONS, domains=", ".join(self._transports))
        (etc / "main.cf").write_text(main + "".join(f"{line}\n" for line in self._main))
        master = _MASTER.format(port=self.port)
        (etc / "master.cf").write_text(master + "".join(f"{line}\n" for line in self._master))

    def log(self) -> str:
        """What it has logged."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """Stop it and remove its folder. Calling it twice is safe."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> PostfixServer:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()
