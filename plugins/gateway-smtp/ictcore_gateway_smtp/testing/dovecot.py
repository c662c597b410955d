"""Debian's Dovecot as a child process: LMTP in, Maildir folders to read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ictcore.testing.require import require, require_program
from ictcore.testing.servers import ServerProcess, free_port
from ictcore.testing.waiting import wait_until

_CONFIG = """\
protocols = lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
first_valid_gid = 1
mail_uid = mail
mail_gid = mail
mail_location = maildir:{folder}/mail/%u
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service stats {{
  chroot =
}}
"""


class DovecotServer:
    """Mailboxes for ``users``; every other recipient is refused with ``550 5.1.1``.

    :param users: whole addresses.
    :ivar port: where it takes mail by LMTP.
    """

    def __init__(self, users: Sequence[str]) -> None:
        self.port = free_port()
        self._users = list(users)
        self._folder: Path | None = None
        self._process: ServerProcess | None = None

    def start(self) -> DovecotServer:
        """Start it and wait until it listens. Needs root. Skips the test (or fails it: ``ICTCORE_REQUIRE=dovecot``)."""
        require("dovecot", os.geteuid() == 0, "only root can start it with users of its own")
        program = require_program("dovecot", "dovecot")
        folder = self._folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        folder.chmod(0o755)
        for name in ("run", "state", "mail"):
            (folder / name).mkdir()
        shutil.chown(folder / "mail", "mail", "mail")
        (folder / "users").write_text("".join(f"{user}:{{PLAIN}}secret::::::\n" for user in self._users))
        (folder / "dovecot.conf").write_text(_CONFIG.format(folder=folder, port=self.port))
        argv: list[str | Path] = [program, "-F", "-c", folder / "dovecot.conf"]
        self._process = ServerProcess(argv, log=folder / "out", port=self.port)
        self._process.start()
        return self

    def log(self) -> str:
        """What it has logged."""
        return (self._folder / "log").read_text() if self._folder is not None else ""

    def mails(self, user: str) -> list[bytes]:
        """The mails in a user's mailbox, in no order."""
        assert self._folder is not None
        boxes = [self._folder / "mail" / user / name for name in ("new", "cur")]
        return [path.read_bytes() for box in boxes if box.is_dir() for path in box.iterdir()]

    def wait_for_mail(self, user: str, text: bytes) -> bytes:
        """Block until a mail that has ``text`` in it is in the user's mailbox, and return it."""
        return wait_until(
            lambda: next((mail for mail in self.mails(user) if text in mail), b""), what=f"a mail for {user}"
        )

    def stop(self) -> None:
        """Stop it and remove its folder. Calling it twice is safe."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> DovecotServer:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()
