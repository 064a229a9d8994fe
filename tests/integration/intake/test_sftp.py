"""A folder of a real SFTP server on loopback: the same as a folder here, and only of the server that the map names."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from tests.integration.intake.parts import a_hub, a_map, as_csv, issued, names_below, ran, sale_row
from tillbridge.checkpoint.intake.model import Entry
from tillbridge.connectors.sftp import Sftp
from tillbridge.stack.model import Stack

DAY = "2026-11-22"


class Doorkeeper(asyncssh.SSHServer):
    """Lets in one user, by one password or one key."""

    def __init__(self, allowed: asyncssh.SSHKey) -> None:
        self._allowed = allowed

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("hub", "open, please")

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "hub" and key.public_data == self._allowed.public_data


@dataclass
class Server:
    port: int
    host_key: str
    root: Path
    client_key: Path

    @property
    def drop(self) -> Path:
        return self.root / "out" / "sales"

    def put(self, name: str, text: str) -> None:
        (self.drop / name).write_text(text)

    def map(self, **more: str) -> Stack:
        """A map whose registers' files lie here; what `more` says as blank is left out."""
        keys = {
            "kind": '"sftp"',
            "what": '"sales"',
            "url": f'"sftp://hub@127.0.0.1:{self.port}"',
            "path": '"/out/sales"',
            "host_key": f'"{self.host_key}"',
            "password": '"open, please"',
            "settle": '"50ms"',
            "timeout": '"5s"',
            **more,
        }
        return a_map(f"source = {{ {', '.join(f'{name} = {value}' for name, value in keys.items() if value)} }}")


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[Server]:
    root = tmp_path / "remote"
    (root / "out" / "sales").mkdir(parents=True)
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    client_key.write_private_key(tmp_path / "client_key")

    def sftp(channel: "asyncssh.SSHServerChannel[bytes]") -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(root).encode())

    listening = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        server_factory=lambda: Doorkeeper(client_key),
        sftp_factory=sftp,
        allow_scp=False,
    )
    async with listening:
        public = host_key.export_public_key().decode().strip()
        yield Server(listening.get_port(), public, root, tmp_path / "client_key")
        listening.close()


async def test_files_are_fetched_taken_in_and_put_away(db_url: str, tmp_path: Path, remote: Server) -> None:
    remote.put("pos.csv", as_csv([sale_row(number) for number in range(5)]))
    remote.put("other.csv.part", as_csv([sale_row(9)]))
    async with a_hub(tmp_path, db_url, remote.map()) as hub:
        brought, trouble = await ran(hub)
        assert (brought, trouble) == ({"rows": 5, "confirmed": 5, "vouchers": 5, "files": 1}, "")
        assert names_below(remote.drop) == [f"archive/{DAY}/pos.csv", "other.csv.part"]
        remote.put("pos.csv", as_csv([sale_row(5)]))
        assert (await ran(hub))[0]["confirmed"] == 1
        remote.put("same.csv", as_csv([sale_row(5)]))
        assert (await ran(hub))[0] == {"again": 1}
        remote.put("wrong.csv", "a,b\n")
        assert (await ran(hub))[0] == {"set_aside": 1}
        assert len(await issued(hub.db)) == 6
    put = set(names_below(remote.drop))
    assert put >= {f"archive/{DAY}/pos-2.csv", f"archive/{DAY}/same.csv", f"set-aside/{DAY}/wrong.csv.reason.txt"}
    assert "no column" in (remote.drop / "set-aside" / DAY / "wrong.csv.reason.txt").read_text()


async def test_a_key_lets_in_as_well(db_url: str, tmp_path: Path, remote: Server) -> None:
    remote.put("pos.csv", as_csv([sale_row(1)]))
    async with a_hub(tmp_path, db_url, remote.map(password="", private_key=f'"{remote.client_key}"')) as hub:
        assert (await ran(hub))[0]["confirmed"] == 1


async def test_a_marker_is_waited_for_and_taken_away(db_url: str, tmp_path: Path, remote: Server) -> None:
    remote.put("pos.csv", as_csv([sale_row(1)]))
    async with a_hub(tmp_path, db_url, remote.map(marker='".done"')) as hub:
        assert (await ran(hub))[0] == {"left": 1}
        remote.put("pos.csv.done", "")
        assert (await ran(hub))[0]["confirmed"] == 1
        assert names_below(remote.drop) == [f"archive/{DAY}/pos.csv"]


async def test_another_server_is_not_met(db_url: str, tmp_path: Path, remote: Server) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    async with a_hub(tmp_path, db_url, remote.map(host_key=f'"{stranger}"')) as hub:
        assert "another key than host_key" in (await ran(hub))[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": '"guessed"'}, "does not let us in"),
        ({"path": '"/nowhere"'}, "refused: No such file"),
        ({"host_key": '"ssh-ed25519 AAAA"'}, "cannot be read"),
        ({"password": "", "private_key": '"no-such-key"'}, "cannot be r"),
        ({"url": '"sftp://hub@127.0.0.1:1"'}, "cannot be reached"),
    ],
)
async def test_trouble_is_a_sentence(
    db_url: str, tmp_path: Path, remote: Server, changes: dict[str, str], said: str
) -> None:
    async with a_hub(tmp_path, db_url, remote.map(**changes)) as hub:
        trouble = (await ran(hub))[1]
        assert said in trouble
        assert "guessed" not in trouble


async def test_without_the_library_it_is_said_what_to_install(
    db_url: str, tmp_path: Path, remote: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    async with a_hub(tmp_path, db_url, remote.map()) as hub:
        assert "pip install 'tillbridge[sftp]'" in (await ran(hub))[1]


async def test_the_next_export_under_the_same_name_is_not_lost(
    db_url: str, tmp_path: Path, remote: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put there when the hub has looked for the last time whether it is still the same file."""

    async def replaced(self: Sftp, place: str, entry: Entry) -> bool:
        same = await is_(self, place, entry)
        if place == "/out/sales/pos.csv":
            remote.put("pos.csv", as_csv([sale_row(2), sale_row(3)]))
            remote.put("pos.csv.done", "")
        return same

    is_ = Sftp._is
    monkeypatch.setattr(Sftp, "_is", replaced)
    remote.put("pos.csv", as_csv([sale_row(1)]))
    remote.put("pos.csv.done", "")
    async with a_hub(tmp_path, db_url, remote.map(marker='".done"')) as hub:
        assert (await ran(hub))[0]["confirmed"] == 1
        assert names_below(remote.drop) == ["pos.csv", "pos.csv.done"]
        monkeypatch.undo()
        assert (await ran(hub))[0]["confirmed"] == 2
    assert names_below(remote.drop) == [f"archive/{DAY}/pos.csv"]


async def test_what_a_lost_connection_leaves_aside_is_brought_back(db_url: str, tmp_path: Path, remote: Server) -> None:
    for number in range(2):
        aside = remote.drop / f".put-away-{number + 1}"
        aside.mkdir()
        (aside / "pos.csv").write_text(as_csv([sale_row(number)]))
    (remote.drop / ".put-away-3").mkdir()
    async with a_hub(tmp_path, db_url, remote.map(marker='".done"')) as hub:
        for _ in range(2):
            assert (await ran(hub))[0]["confirmed"] == 1
    assert sorted(path.name for path in remote.drop.iterdir()) == ["archive"]
