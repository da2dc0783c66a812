"""Files of rows: cut short, made up, packed too tightly, and cells that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harmonium.data import files
from harmonium.data.files import read_rows, write_table
from harmonium.data.images import read_images

ROWS = np.arange(12).reshape(4, 3)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _npz(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, rows=array)
    return stream.getvalue()


def _header(shape: str, descr: str = "<i8") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


BAD = [
    ("a.npy", _npy(ROWS)[:-8], "cannot be read"),
    ("a.npy", _npy(ROWS)[:20], "cannot be read"),
    ("a.npy", b"", "cannot be read"),
    ("a.npy", _header("(1000000, 1000000)") + bytes(64), "cut short"),
    ("a.npy", _header("(-1, 3)") + bytes(64), "cannot be read"),
    ("a.npy", _header("(2, 3", "<i8") + bytes(64), "cannot be read"),
    ("a.npy", _header("(2, 3)", "|O") + bytes(64), "Python objects"),
    ("a.npz", _npz(ROWS)[:-30], "cannot be read"),
    ("a.npz", b"PK\x03\x04" + bytes(30), "cannot be read"),
    ("a.npz", b"", "cannot be read"),
    ("a.csv", b"", "it is empty"),
    ("a.csv", b"\xff\xfe1,2\n", "cannot be read"),
    ("a.csv", b"1,2\n3\n", "line 2 has 1 cells"),
    ("a.csv", b"1,2\n3,x\n", "line 2, column 2"),
    ("a.parquet", b"PAR1", "cannot be read"),
]


@pytest.mark.parametrize(("name", "data", "said"), BAD)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ValueError, match=said) as error:
        read_rows(str(path))
    assert name in str(error.value)


def test_an_archive_that_would_fill_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LARGEST_UNPACKED", 2**20)
    path = tmp_path / "bomb.npz"
    path.write_bytes(_npz(np.zeros((2048, 1024))))
    with pytest.raises(ValueError, match=r"unpacks to 0\.0 GiB, more than 200 times"):
        read_rows(str(path))
    honest = tmp_path / "honest.npz"
    np.savez_compressed(honest, rows=np.random.default_rng(0).random((2048, 128)))
    assert read_rows(str(honest)).shape == (2048, 128)


def test_an_array_inside_an_archive_that_claims_too_much(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rows.npy", _header("(1000000, 1000000)") + bytes(64))
    with pytest.raises(ValueError, match="cut short"):
        read_rows(str(path))


def test_an_archive_that_wants_a_password(tmp_path: Path) -> None:
    data = bytearray(_npz(ROWS))
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption in the directory
    path = tmp_path / "a.npz"
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="cannot be read"):
        read_rows(str(path))


def test_a_picture_that_would_fill_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    path = tmp_path / "bomb.png"
    Image.fromarray(np.zeros((100, 100), np.uint8)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"bomb\.png' is not a readable picture"):
        read_images(path)


def test_a_mark_of_byte_order_is_no_part_of_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf1,0\n0,1\n")
    np.testing.assert_array_equal(read_rows(str(path)), [[1, 0], [0, 1]])


def test_tables_are_quoted_and_run_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    label, formula = 'x,y\n"q"', '=cmd|"/C calc"!A0'
    write_table(str(path), ["label", f"P({label})"], [[label, 0.25], [formula, -1.5], ["-a", 1e-9]])
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["label", f"P({label})"],
        [label, "0.25"],
        ["'" + formula, "-1.5"],
        ["'-a", "1e-09"],
    ]
