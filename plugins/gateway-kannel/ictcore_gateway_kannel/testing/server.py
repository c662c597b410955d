"""A real Kannel: bearerbox and smsbox as child processes on free ports of the loopback interface."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ictcore.spec import GatewayError
from ictcore.testing.servers import ServerProcess, free_port
from ictcore.testing.waiting import PATIENCE, wait_until
from ictcore_gateway_kannel.admin import Admin, Status
from ictcore_gateway_kannel.callbacks import MO_QUERY
from ictcore_gateway_kannel.testing.link import FAKESMSC, FakeLink, FakeSmsc

_FOLDERS: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
TOKEN: Final = "test-callback-token-0123456789"  # noqa: S105  # of a server on loopback that lives for one test


def installed() -> str:
    """``""`` when Kannel's programs are there, else which are missing."""
    missing = [name for name in ("bearerbox", "smsbox") if shutil.which(name, path=_FOLDERS) is None]
    if not Path(FAKESMSC).exists():
        missing.append("fakesmsc")
    return f"not installed: {', '.join(missing)} (Debian: kannel, kannel-extras)" if missing else ""


class KannelServer:
    """One Kannel.

    :param folder: an existing folder for its configuration, logs and store.
    :param links: names of its ``fake`` links; each has a port of its own, :meth:`link_port`.
    :param box_name: the box that inbound messages of these links go to.
    :param inbound: ``box``: to that box; ``http``: by smsbox to our own listener at ``callback_port``.
    :param max_pending: unacknowledged messages on the way to a box.
    :param store: keep messages on disk, so that they outlive bearerbox.
    :param extra: further lines of its configuration.
    """

    def __init__(
        self,
        folder: Path,
        *,
        links: Sequence[str] = ("fake",),
        box_name: str = "ictcore",
        inbound: str = "box",
        max_pending: int = 1000,
        store: bool = False,
        log_level: int = 1,
        extra: str = "",
        program_folder: str = "",
    ) -> None:
        self.folder = folder
        self.box_name = box_name
        self.admin_port, self.box_port, self.sendsms_port, self.callback_port = (free_port() for _ in range(4))
        self.providers = folder / "providers"
        self.providers.mkdir(parents=True, exist_ok=True)
        self._ports = {name: free_port() for name in links}
        self._inbound = inbound
        self._max_pending = max_pending
        self._store = store
        self._log_level = log_level
        self._extra = extra
        self._config = folder / "kannel.conf"
        search = f"{program_folder}:{_FOLDERS}" if program_folder else _FOLDERS
        self._bearerbox = ServerProcess(
            [shutil.which("bearerbox", path=search) or "bearerbox", "-v", "4", self._config],
            log=folder / "bearerbox.out",
            ready=self._has_status,
            folder=folder,
        )
        self._smsbox = ServerProcess(
            [shutil.which("smsbox", path=search) or "smsbox", "-v", "4", self._config],
            log=folder / "smsbox.out",
            ready=self._has_smsbox,
            folder=folder,
        )
        self.admin = Admin("127.0.0.1", self.admin_port, "admin-test", "status-test")

    def link_port(self, name: str = "fake") -> int:
        """The port at which the far side of a link connects."""
        return self._ports[name]

    def settings(self, transport: str = "box") -> dict[str, Any]:
        """The settings of the gateway that fit this Kannel, by their keys."""
        return {
            "kannel.transport": transport,
            "kannel.host": "127.0.0.1",
            "kannel.box_port": self.box_port,
            "kannel.box_name": self.box_name,
            "kannel.sendsms_port": self.sendsms_port,
            "kannel.username": "sender",
            "kannel.password": "sendsms-test",
            "kannel.listen_port": self.callback_port,
            "kannel.callback_token": TOKEN,
            "kannel.admin_port": self.admin_port,
            "kannel.admin_password": "admin-test",
            "kannel.status_password": "status-test",
            "kannel.status_interval": 0.2,
            "kannel.providers_folder": str(self.providers),
        }

    def configuration(self) -> str:
        """The text of its configuration file."""
        store = f'store-type = file\nstore-location = "{self.folder}/store"\n' if self._store else ""
        groups = [
            f"group = core\nadmin-port = {self.admin_port}\nadmin-interface = 127.0.0.1\nadmin-password = admin-test\n"
            f"status-password = status-test\nsmsbox-port = {self.box_port}\nsmsbox-interface = 127.0.0.1\n"
            f"smsbox-max-pending = {self._max_pending}\nbox-allow-ip = 127.0.0.1\nadmin-allow-ip = 127.0.0.1\n"
            f'log-file = "{self.folder}/bearerbox.log"\nlog-level = {self._log_level}\nsms-resend-freq = 1\n{store}'
        ]
        groups += [
            f"group = smsc\nsmsc = fake\nsmsc-id = {name}\nsmsc-admin-id = {name}\nallowed-smsc-id = {name}\n"
            f"port = {port}\nconnect-allow-ip = 127.0.0.1\n"
            for name, port in self._ports.items()
        ]
        groups.append(f'include = "{self.providers}"\n')
        groups.append(
            f"group = smsbox\nsmsbox-id = web\nbearerbox-host = 127.0.0.1\nsendsms-port = {self.sendsms_port}\n"
            f'sendsms-interface = 127.0.0.1\nlog-file = "{self.folder}/smsbox.log"\nlog-level = {self._log_level}\n'
            f"http-request-retry = 20\nhttp-queue-delay = 1\n"
        )
        routed = "web" if self._inbound == "http" else self.box_name
        ids = [*self._ports, *(f"ictcore-{number}" for number in range(1, 10))]
        groups.append(f'group = smsbox-route\nsmsbox-id = {routed}\nsmsc-id = "{";".join(ids)}"\n')
        groups.append(
            "group = sendsms-user\nusername = sender\npassword = sendsms-test\nmax-messages = 10\n"
            "concatenation = true\nuser-allow-ip = 127.0.0.1\n"
        )
        groups.append(
            "group = sms-service\nkeyword = default\ncatch-all = true\nmax-messages = 0\n"
            f'get-url = "http://127.0.0.1:{self.callback_port}/{TOKEN}/mo?{MO_QUERY}"\n'
        )
        return "\n".join([*groups, self._extra])

    def start(self, timeout: float = PATIENCE) -> KannelServer:
        """Start it and block until it serves. Does nothing when it runs already.

        :raises AssertionError: it does not serve in time; the end of its log is told.
        """
        self._config.write_text(self.configuration())
        self._bearerbox.start(timeout)
        self._smsbox.start(timeout)
        return self

    def stop(self) -> None:
        """Stop it; it is killed when it takes longer than some seconds. Calling it twice is safe."""
        self._smsbox.stop(3.0)
        self._bearerbox.stop(3.0)

    def kill(self) -> None:
        """End both processes at once, as a crash does."""
        self._bearerbox.kill()
        self._smsbox.kill()

    def kill_bearerbox(self) -> None:
        """End bearerbox at once; smsbox notices."""
        self._bearerbox.kill()

    def stop_smsbox(self) -> None:
        """Stop smsbox alone."""
        self._smsbox.stop(3.0)

    def start_smsbox(self) -> None:
        """Start smsbox again."""
        self._smsbox.start()

    def status(self) -> Status:
        """What bearerbox says of itself.

        :raises GatewayUnavailable: it does not answer.
        """
        return self.admin.status()

    def wait_for_link(self, name: str = "fake", state: str = "online") -> None:
        """Block until a link is in ``state``."""

        def there() -> bool:
            with contextlib.suppress(GatewayError):
                return any(link.smsc_id == name and link.state == state for link in self.status().links)
            return False

        wait_until(there, PATIENCE, f"link {name} is {state}")

    def link(self, name: str = "fake") -> FakeLink:
        """A new far side of a link, in Python, connected. The caller stops it."""
        link = FakeLink(self.link_port(name)).start()
        self.wait_for_link(name)
        return link

    def fakesmsc(self, *messages: str, name: str = "fake", count: int = 0, quiet: bool = False) -> FakeSmsc:
        """Kannel's own program as the far side of a link, connected. The caller stops it."""
        wait_until(lambda: self._link_listens(name), PATIENCE, f"link {name} listens")
        log = self.folder / f"fakesmsc-{name}.log"
        log.unlink(missing_ok=True)
        program = FakeSmsc(self.link_port(name), log, *messages, count=count, quiet=quiet).start()
        self.wait_for_link(name)
        return program

    def _link_listens(self, name: str) -> bool:
        with contextlib.suppress(GatewayError):
            return any(link.smsc_id == name and link.state == "connecting" for link in self.status().links)
        return False

    def _has_status(self) -> bool:
        with contextlib.suppress(GatewayError):
            return self.status().state == "running"
        return False

    def _has_smsbox(self) -> bool:
        with contextlib.suppress(GatewayError):
            return "web" in self.status().boxes
        return False
