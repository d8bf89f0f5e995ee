"""The ledger as files for a static web server, in the layout that other logs' clients read.

The tree is cut into tiles of 256 hashes, eight levels high; with the checkpoint over them anybody
computes any proof. Full tiles never change, so they may be cached for ever. Leaves go into bundles
of 256, which have no holes: only who may read every entry gets them. Nothing here is the source of
truth: the files are made again from the database at any time.

References
----------
c2sp.org/tlog-tiles.
"""

from collections.abc import Iterator
from pathlib import Path

from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.merkle import Tree, leaf_hash
from fedcredit_ledger.note import Note, Signature
from fedcredit_ledger.verify import Level, verify

WIDTH = 256
"""Hashes in a full tile, leaves in a full bundle."""

HEIGHT = 8
"""Levels of the tree in a tile: WIDTH = 2**HEIGHT."""

ENTRIES = "entries"


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile, or of a bundle.

    Parameters
    ----------
    level : int or str
        Level of the tile, 0 for leaf hashes; ``"entries"`` for a bundle of leaves.
    index : int
        Which tile of the level.
    width : int, default 256
        Hashes in it; a tile at the right edge may have fewer.
    """
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")


def tiles(tree: Tree, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every tile of the tree of the first `size` leaves."""
    level = 0
    while n_hashes := size >> (HEIGHT * level):
        for index in range(-(-n_hashes // WIDTH)):
            end = min(n_hashes, (index + 1) * WIDTH)
            hashes = [tree.node(HEIGHT * level, i) for i in range(index * WIDTH, end)]
            yield tile_path(level, index, len(hashes)), b"".join(hashes)
        level += 1


def bundles(leaves: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every bundle: each leaf behind its length in two bytes."""
    for index in range(-(-len(leaves) // WIDTH)):
        part = leaves[index * WIDTH : (index + 1) * WIDTH]
        content = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in part)
        yield tile_path(ENTRIES, index, len(part)), content


def export_tiles(store: LedgerStore, folder: Path, *, with_entries: bool = False) -> int:
    """Write the ledger under its newest quorum checkpoint into a folder; return its size.

    Parameters
    ----------
    store : Store
        Hashes, links and heads are verified first.
    folder : Path
        What a web server serves. Files that are there already stay; ``checkpoint`` comes last, so
        a reader never meets a head without its tiles.
    with_entries : bool, default False
        Also write the leaves: for those only who may read every entry.

    Raises
    ------
    LedgerError
        When the ledger does not verify, has no quorum, or the folder cannot be written.

    Disclosure
    ----------
    Without entries a reader learns how many there are, and their hashes; with them, all.
    """
    report = verify(store, level=Level.CHAIN)
    report.must_be_clean()
    size = report.quorum_size
    leaves = store.leaves(0, size)
    tree = Tree(leaf_hash(leaf) for leaf in leaves)
    made = [*tiles(tree, size), *(bundles(leaves) if with_entries else ())]
    try:
        for path, content in made:
            _write(folder / path, content)
        _write(folder / "checkpoint", _head(store, size))
    except OSError as error:
        raise LedgerError(
            f"the tiles could not be written: {error.strerror}", found=str(folder)
        ) from error
    return size


def _head(store: LedgerStore, size: int) -> bytes:
    """Return the checkpoint of a size with its co-signatures."""
    bare = store.checkpoint(size)
    assert bare is not None, "the store was verified a moment ago"
    note = Note.parse(bare)
    lines = sorted(store.cosignatures(size))
    return Note(note.text, (*note.signatures, *map(Signature.parse, lines))).encode()


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; leave one that is the same alone."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
