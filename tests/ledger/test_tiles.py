"""The ledger as static files: a client of the public layout proves any entry from a web server."""

import functools
import hashlib
import http.server
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fedcredit_ledger.checkpoint import open_checkpoint
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from fedcredit_ledger.note import Note
from fedcredit_ledger.store import Store
from fedcredit_ledger.tiles import bundles, export_tiles, tile_path, tiles
from tests.ledger.small_federation import SmallFederation
from tests.ledger.small_packages import finished_federation

VECTORS = Path(__file__).parents[2] / "ledger" / "vectors"
ROWS = json.loads((VECTORS / "T1.json").read_text(encoding="utf-8"))["rows"]

Fetch = Callable[[str], bytes]


def node(fetch: Fetch, size: int, level: int, index: int) -> bytes:
    """Read one hash of the tree out of its tile, as a client of tlog-tiles does."""
    tile, within = divmod(level, 8)
    first = index << within
    n_hashes = size >> (8 * tile)
    row = fetch(tile_path(tile, first // 256, min(256, n_hashes - first // 256 * 256)))
    hashes = [row[i : i + 32] for i in range(0, len(row), 32)]
    part = hashes[first % 256 : first % 256 + (1 << within)]
    while len(part) > 1:
        part = [
            hashlib.sha256(b"\1" + part[i] + part[i + 1]).digest() for i in range(0, len(part), 2)
        ]
    return part[0]


def subtree(fetch: Fetch, size: int, start: int, end: int) -> bytes:
    """Hash leaves start..end-1, RFC 6962 section 2.1, from complete subtrees."""
    n = end - start
    if n & (n - 1) == 0 and start % n == 0:
        return node(fetch, size, n.bit_length() - 1, start // n)
    middle = start + (1 << (n - 1).bit_length() - 1)
    left, right = subtree(fetch, size, start, middle), subtree(fetch, size, middle, end)
    return hashlib.sha256(b"\1" + left + right).digest()


def inclusion(fetch: Fetch, size: int, index: int) -> list[bytes]:
    """Compute an inclusion proof from tiles."""
    proof, start, end = [], 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            proof.append(subtree(fetch, size, middle, end))
            end = middle
        else:
            proof.append(subtree(fetch, size, start, middle))
            start = middle
    return proof[::-1]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["path"])
def test_paths_are_those_of_the_public_layout(row):
    assert tile_path(row["level"], row["index"], row["width"]) == row["path"]


def test_a_tree_of_70_000_leaves_is_cut_as_the_layout_says():
    tree = Tree(hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(70_000))

    made = dict(tiles(tree, 70_000))

    assert len(made) == 274 + 2 + 1
    assert {name: len(raw) // 32 for name, raw in made.items() if ".p/" in name} == {
        "tile/0/273.p/112": 112,
        "tile/1/001.p/17": 17,
        "tile/2/000.p/1": 1,
    }
    assert subtree(made.__getitem__, 70_000, 0, 70_000) == tree.root
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        proof = inclusion(made.__getitem__, 70_000, index)
        assert proof == tree.inclusion_proof(index, 70_000)


def test_the_whole_sizes_of_the_layout_have_no_partial_tile():
    tree = Tree(hashlib.sha256(bytes([i])).digest() for i in range(256))

    assert set(dict(tiles(tree, 256))) == {"tile/0/000", "tile/1/000.p/1"}
    assert list(dict(bundles([b"x"] * 257))) == ["tile/entries/000", "tile/entries/001.p/1"]


# a web server that knows nothing


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def fed() -> SmallFederation:
    return finished_federation()


@pytest.fixture(scope="module")
def fetch(fed: SmallFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fetch]:
    folder = tmp_path_factory.mktemp("served")
    export_tiles(fed.store, folder, with_entries=True)
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:

        def get(path: str) -> bytes:
            address = f"http://127.0.0.1:{server.server_port}/{path}"
            with urllib.request.urlopen(address, timeout=10) as answer:
                return bytes(answer.read())

        yield get
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_client_of_a_static_server_proves_every_entry(fed, fetch):
    note = Note.parse(fetch("checkpoint"))
    head = open_checkpoint(note, fed.log_key.verifier)
    assert set(fed.replica.policy.cosigned(note.text, note.signatures)) == set(fed.witness_names)
    bundle = fetch(tile_path("entries", 0, head.size))
    leaves = []
    while bundle:
        n = int.from_bytes(bundle[:2], "big")
        leaves.append(bundle[2 : 2 + n])
        bundle = bundle[2 + n :]

    assert leaves == fed.log.leaves()
    for index, leaf in enumerate(leaves):
        verify_inclusion(
            leaf_hash(leaf),
            index=index,
            size=head.size,
            proof=inclusion(fetch, head.size, index),
            root=head.root,
        )


def test_a_mirror_follows_the_served_heads_by_consistency(fed, fetch):
    head = open_checkpoint(Note.parse(fetch("checkpoint")), fed.log_key.verifier)
    old = head.size - 3

    verify_consistency(
        old_size=old,
        old_root=subtree(fetch, head.size, 0, old),
        new_size=head.size,
        new_root=head.root,
        proof=fed.log.consistency(old, head.size),
    )
    assert subtree(fetch, head.size, 0, old) == fed.replica.root_at(old)


def test_entries_are_written_only_when_they_are_asked_for(fed, tmp_path):
    export_tiles(fed.store, tmp_path)

    assert not (tmp_path / "tile" / "entries").exists()
    assert (tmp_path / "checkpoint").is_file()


def test_exporting_again_after_growth_leaves_what_was_served_as_it_was(tmp_path):
    fed = finished_federation()
    n_first = export_tiles(fed.store, tmp_path, with_entries=True)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    fed.publish_context("run-2")
    fed.witness()

    assert export_tiles(fed.store, tmp_path, with_entries=True) == n_first + 1
    changed = [p.name for p, raw in before.items() if p.read_bytes() != raw]
    assert changed == ["checkpoint"]


def test_what_no_quorum_has_seen_is_not_served(tmp_path):
    fed = finished_federation()
    n = fed.log.size
    fed.publish_context("run-2")

    assert export_tiles(fed.store, tmp_path) == n
    with (
        Store() as alone,
        pytest.raises(LedgerError, match="does not verify: no checkpoint has the"),
    ):
        SmallFederation(alone)
        export_tiles(alone, tmp_path / "alone")
    assert not (tmp_path / "alone").exists()


def test_a_folder_that_cannot_be_written_is_a_named_error(fed, tmp_path):
    (tmp_path / "tile").write_text("in the way", encoding="utf-8")

    with pytest.raises(LedgerError, match="the tiles could not be written"):
        export_tiles(fed.store, tmp_path)
