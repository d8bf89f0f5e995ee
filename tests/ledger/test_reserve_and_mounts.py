"""The ground of a ledger: room that is held back, and disks that are none."""

import errno
from pathlib import Path

import pytest

from fedcredit_ledger.errors import StorageError, SyncError
from fedcredit_ledger.head import HeadFile
from fedcredit_ledger.log import Log
from fedcredit_ledger.mounts import file_system
from fedcredit_ledger.reserve import Reserve
from tests import full_disk
from tests.ledger.places import Place
from tests.ledger.small_federation import ORIGIN, SmallFederation

KIB = 1024

# The form is that of proc(5); the second line is its own example, the others its variants.
MOUNTED = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
36 22 98:0 /mnt1 /mnt/parent rw,noatime master:1 - ext3 /dev/root rw,errors=continue
37 36 0:40 / /mnt/parent/share rw - nfs4 server:/export rw,vers=4.2
38 22 0:41 / /srv/with\\040blank rw - cifs //server/share rw
39 22 0:42 / /hidden rw - nfs server:/old rw
40 39 254:1 / /hidden rw - xfs /dev/vdb rw
"""


@pytest.fixture
def mounts(tmp_path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTED)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/ledger.db", "ext4"),
        ("/mnt/parent/ledger.db", "ext3"),
        ("/mnt/parent/share/deep/ledger.db", "nfs4"),
        ("/mnt/parent/shared", "ext3"),
        ("/srv/with blank/ledger.db", "cifs"),
        ("/hidden/ledger.db", "xfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_mount(mounts, path, kind):
    assert file_system(Path(path), mounts) == kind


def test_where_nobody_tells_what_is_mounted_nothing_is_known(tmp_path):
    assert file_system(tmp_path, tmp_path / "absent") == ""


def test_a_ledger_on_a_network_file_system_is_not_written(place: Place, mounts):
    point = str(place.folder.resolve()).replace(" ", "\\040")
    mounts.write_text(MOUNTED + f"50 22 0:44 / {point} rw - nfs4 server:/export rw\n")

    with pytest.raises(StorageError, match="network file system") as caught:
        place.open(mounts=mounts)

    assert caught.value.found == "nfs4"


def test_a_reserve_is_blocks_and_not_a_hole_and_goes_once(tmp_path):
    reserve = Reserve(tmp_path / "reserve", n_bytes=256 * KIB)

    reserve.hold()
    reserve.hold()
    held = reserve.path.stat()

    assert held.st_size == 256 * KIB
    assert held.st_blocks * 512 >= 256 * KIB
    assert (reserve.release(), reserve.release()) == (True, False)
    assert not reserve.path.exists()


def test_a_reserve_gives_exactly_the_room_that_a_last_word_needs(tmp_path):
    with full_disk.small_disk(tmp_path / "disk", n_kib=512) as disk:
        reserve = Reserve(disk / "reserve", n_bytes=64 * KIB)
        reserve.hold()
        full_disk.fill(disk)
        word = disk / "word"
        with pytest.raises(OSError) as full:
            word.write_bytes(bytes(8 * KIB))
        word.unlink(missing_ok=True)
        full_disk.fill(disk)

        reserve.release()
        word.write_bytes(bytes(32 * KIB))

        assert full.value.errno == errno.ENOSPC
        with pytest.raises(OSError):
            Reserve(disk / "again", n_bytes=64 * KIB).hold()
        assert not (disk / "again").exists()


def test_a_head_file_that_the_disk_does_not_confirm_is_written_once_only(tmp_path):
    calls: list[int] = []

    def broken(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    with (
        HeadFile(tmp_path / "head", sync=broken) as head,
        pytest.raises(SyncError, match="did not confirm") as caught,
    ):
        head.write(b"a checkpoint\n")

    assert len(calls) == 1
    assert caught.value.exit_code == 50


def test_a_log_whose_store_failed_takes_nothing_more(place: Place):
    with place.open() as store:
        fed = SmallFederation(store)
        entry = fed.entry("bank-a", "endorsement-given", {
            "act_type": "x", "act_digest": "00" * 32, "decision": "approve",
        })  # fmt: skip
        store.failure = StorageError("a disk")
        with pytest.raises(StorageError):
            fed.write("bank-a", entry.type, entry.data)
        assert isinstance(fed.log.failure, StorageError)
    with place.open() as store:
        assert Log(store, fed.log_key, ORIGIN, fed.clock).size == 1
