"""Files of rows: cut short, made up, packed too tightly, and cells that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from harmonium.data import packed
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
    monkeypatch.setattr(packed, "_LARGEST_UNPACKED", 2**20)
    path = tmp_path / "bomb.npz"
    path.write_bytes(_npz(np.zeros((2048, 1024))))
    with pytest.raises(ValueError, match=r"unpacks to 0\.0 GiB, more than 200 times"):
        read_rows(str(path))
    table = tmp_path / "bomb.parquet"
    pl.DataFrame({"a": np.zeros(2**20, np.int64)}).write_parquet(table)
    with pytest.raises(ValueError, match=r"it unpacks to 0\.0 GiB, more than 200 times"):
        read_rows(str(table))
    honest = tmp_path / "honest.npz"
    np.savez_compressed(honest, rows=np.random.default_rng(0).random((2048, 128)))
    assert read_rows(str(honest)).shape == (2048, 128)
    pl.DataFrame({"a": np.random.default_rng(0).random(2**18)}).write_parquet(table)
    assert read_rows(str(table)).shape == (2**18, 1)


def test_a_table_with_a_wrong_page_is_refused(tmp_path: Path) -> None:
    """Other readers end the process over it, which a test of its own process would not survive."""
    path = tmp_path / "wrong.parquet"
    pl.DataFrame({"a": [0, 1, 1]}).write_parquet(path)
    page = bytearray(path.read_bytes())
    page[50] = 7
    path.write_bytes(page)
    told = "import sys; from harmonium.data.files import read_rows; read_rows(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", told, path], capture_output=True, text=True)
    assert done.returncode == 1
    assert "wrong.parquet' cannot be read: Invalid page header" in done.stderr


def test_blanks_of_a_table_are_nan(tmp_path: Path) -> None:
    columns = {"a": [0, None, 1], "b": [True, False, None], "c": [0.5, 1.0, None], "d": [None] * 3}
    pl.DataFrame(columns).write_parquet(tmp_path / "a.parquet")
    n = np.nan
    np.testing.assert_array_equal(
        read_rows(str(tmp_path / "a.parquet")), [[0, 1, 0.5, n], [n, 0, 1, n], [1, n, n, n]]
    )
    pl.DataFrame({"a": [0, 1], "b": [2, 3]}).write_parquet(tmp_path / "a.parquet")
    whole = read_rows(str(tmp_path / "a.parquet"))
    assert (whole.dtype, whole.tolist()) == (np.int64, [[0, 2], [1, 3]])


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


def test_a_picture_has_as_many_pixels_as_are_asked_for(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "large.png"
    # 10,000 x 8,000: within Pillow's limit, and 640 MB as levels out of 10 kB.
    Image.new("1", (10_000, 8_000)).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            ValueError, match=r"10000 x 8000 pixels, more than max_pixels=67,108,864"
        ):
            read_images(path)
    Image.new("L", (30, 20), 255).save(path)
    assert read_images(path, 2, max_pixels=600).shape == (1, 20, 30)
    with pytest.raises(ValueError, match="30 x 20 pixels, more than max_pixels=599"):
        read_images(path, 2, max_pixels=599)
    with pytest.raises(ValueError, match="max_pixels must be"):
        read_images(path, 2, max_pixels=0)


def test_a_picture_is_what_its_name_says(tmp_path: Path) -> None:
    """Pillow would give PostScript, which is a program, to Ghostscript."""
    path = tmp_path / "program.png"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(ValueError, match="cannot identify image file"):
        read_images(path)


def _sparse(path: Path, form: str, **arrays: np.ndarray) -> str:
    """Sparse rows in a file, ``[[0, 1, 0], [1, 0, 1]]`` but for the arrays that are given."""
    rows = sparse.csr_matrix(np.array([[0, 1, 0], [1, 0, 1]])).asformat(form)
    good = (
        {"row": rows.row, "col": rows.col}
        if form == "coo"
        else {"indices": rows.indices, "indptr": rows.indptr}
    )
    held = {"format": form.encode(), "shape": rows.shape, "data": rows.data, **good, **arrays}
    np.savez(path, **held)
    return str(path)


@pytest.mark.parametrize(
    ("form", "arrays", "said"),
    [
        (
            "csr",
            {"indices": np.array([1, 0, 2_000_000])},
            "its indices hold 2000000; wanted 0 to 2",
        ),
        ("csr", {"indices": np.array([1, -5, 2])}, "its indices hold -5"),
        ("csc", {"indices": np.array([1, 0, 2])}, "its indices hold 2; wanted 0 to 1"),
        ("bsr", {"indices": np.array([1, 0, 9])}, "its indices hold 9"),
        ("csr", {"indptr": np.array([0, 10**9, 3])}, "its indptr goes back"),
        ("csr", {"indptr": np.array([0, 10**9, 0])}, "its indptr goes back"),
        ("csr", {"indices": np.array([1.0, 0.0, 2.0])}, "its indices are float64"),
        ("coo", {"col": np.array([1, 0, 2**32], dtype=np.uint64)}, "its col are uint64"),
        ("coo", {"col": np.array([1, 0, 3])}, "exceeds"),
    ],
)
def test_sparse_rows_point_into_their_table(
    tmp_path: Path, form: str, arrays: dict[str, np.ndarray], said: str
) -> None:
    if form == "bsr":
        arrays = {"data": np.ones((3, 1, 1)), **arrays}
    with pytest.raises(ValueError, match=rf"s\.npz' cannot be read: .*{said}"):
        read_rows(_sparse(tmp_path / "s.npz", form, **arrays))


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "coo"])
def test_good_sparse_rows_are_read(tmp_path: Path, form: str) -> None:
    rows = np.random.default_rng(0).integers(0, 2, (6, 4))
    sparse.save_npz(tmp_path / "s.npz", sparse.csr_matrix(rows).asformat(form))
    np.testing.assert_array_equal(read_rows(str(tmp_path / "s.npz")).toarray(), rows)


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
