"""Texts in files: what a path may be, how shards are read, and what is refused by name."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.cli import run

import harmonium as hm

LONG = ["one\ntwo words", "", "naïve café\tthree", "four"]


def write_table(path: Path, columns: dict[str, Any], rows: int = 2) -> Path:
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=rows)
    else:
        make = pa.ipc.new_file if path.suffix == ".feather" else pa.ipc.new_stream
        with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=rows)
    return path


@pytest.mark.parametrize("ending", ["parquet", "feather", "arrow"])
@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_a_column_of_texts(tmp_path: Path, ending: str, kind: str, monkeypatch: Any) -> None:
    """Texts of a table may have lines; a part of the rows is held at once."""
    monkeypatch.setattr("harmonium.data.text_files._BLOCK_TEXTS", 1)
    column = pa.array(LONG, pa.large_string() if kind == "large_string" else pa.string())
    column = column.dictionary_encode() if kind == "dictionary" else column
    path = write_table(tmp_path / f"t.{ending}", {"n": range(4), "text": column, "more": [1.0] * 4})
    assert list(hm.TextFile(path)) == LONG
    assert list(hm.TextFile(path, column="text")) == LONG
    model = hm.NGram(1, smoothing="mle").fit(str(path))
    assert (model.n_texts_, model.n_words_) == (4, 7)
    assert model.score_samples(path).tolist() == model.score_samples(LONG).tolist()


def test_shards_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name, text in (("b.txt", "3\n4"), ("a.txt", "1\n2\n"), ("deep/c.txt", "5")):
        (tmp_path / name).write_text(text)
    assert list(hm.TextFile(tmp_path)) == ["1", "2", "3", "4"]
    assert list(hm.TextFile(tmp_path / "**/*.txt")) == ["1", "2", "3", "4", "5"]
    assert hm.TextFile(tmp_path).n_bytes == 7
    model = hm.NGram(1, smoothing="mle").fit(f"{tmp_path}/*.txt")
    assert model.vocabulary_[3:] == ["1", "2", "3", "4"]
    assert hm.NGram(1, tokenizer="words").fit(tmp_path).vocabulary_[3:] == ["1", "2", "3", "4"]


def test_a_packed_file_of_several_frames(tmp_path: Path) -> None:
    frames = [pa.compress(text, "zstd", asbytes=True) for text in (b"a b\nc", b" d\n")]
    (tmp_path / "t.zst").write_bytes(b"".join(frames))
    assert list(hm.TextFile(tmp_path / "t.zst")) == ["a b", "c d"]
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"a b\nc") + gzip.compress(b" d\n"))
    assert list(hm.TextFile(tmp_path / "t.gz")) == ["a b", "c d"]
    for name, whole in (("t.zst", frames[0]), ("t.gz", gzip.compress(b"a b\nc"))):
        (tmp_path / name).write_bytes(whole[:-3])
        with pytest.raises(ValueError, match=rf"{name}: cannot be read"):
            list(hm.TextFile(tmp_path / name))


@pytest.mark.parametrize(
    ("columns", "column", "message"),
    [
        ({"a": ["x"], "b": ["y"]}, None, r"column is missing: .*t.parquet' has .*'a', 'b'; name"),
        ({"n": [1]}, None, "column is missing: .* has no column of texts"),
        ({"n": [1], "a": ["x"]}, "n", "column='n': .* is int64; wanted texts"),
        ({"n": [1], "a": ["x"]}, "z", "column='z': .* has columns 'n', 'a'"),
        ({"a": ["x", None, "y"]}, "a", r"t.parquet, row 1: column 'a' has no text"),
        ({"a": ["x", "y", "a\0b"]}, "a", r"t.parquet, row 2 holds a NUL"),
        ({"a": ["x", "y", "<s>"]}, "a", r"t.parquet, row 2 has <s> or </s>"),
        ({"a": ["x"]}, 3, "column must be the name of a column, got 3"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, columns: Any, column: Any, message: str) -> None:
    path = write_table(tmp_path / "t.parquet", columns)
    with pytest.raises(ValueError, match=message):
        hm.NGram(1).fit(hm.TextFile(path, column=column))


def test_bytes_of_a_table_that_are_no_text(tmp_path: Path) -> None:
    column = pa.array([b"good", b"bad \xff here"]).view(pa.string())
    path = write_table(tmp_path / "t.parquet", {"a": column})
    with pytest.raises(ValueError, match="row 1: not UTF-8"):
        hm.NGram(1).fit(path)
    assert list(hm.TextFile(path, errors="ignore")) == ["good", "bad  here"]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"t.parquet: cannot be read"):
        hm.NGram(1).fit(path)


def test_paths_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a\n")
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"column='a': .*t.txt' has lines"):
        hm.TextFile(tmp_path, column="a")
    with pytest.raises(FileNotFoundError, match=r"path: no file at .*none'; wanted files that end"):
        hm.NGram(1).fit(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="no file"):
        hm.NGram(1).fit(tmp_path / "other.txt")
    for text in ("a text?", "no/such/file.txt", "", "/**", "x" * 9000):
        with pytest.raises(ValueError, match="got one string"):
            hm.NGram(1).fit(text)


def test_the_command_line_reads_shards(tmp_path: Path) -> None:
    for k, texts in enumerate((["a b", "b a"], ["a a"])):
        write_table(tmp_path / f"{k}.parquet", {"n": ["x"] * len(texts), "said": texts})
    out = tmp_path / "m.safetensors"
    command = ["fit", tmp_path / "*.parquet", "--model", "ngram", "-o", out, "--quiet"]
    assert "--key is missing" in run(*command).stderr
    assert "--key='z'" in run(*command, "--key", "z").stderr
    assert "DATA: no file" in run("fit", tmp_path / "*.txt", *command[2:]).stderr
    assert run(*command, "--key", "said", "--set", "order=2").returncode == 0
    assert hm.load(out).vocabulary_[3:] == ["a", "b"]
    asked = run("score", out, tmp_path / "*.parquet", "--key", "said")
    assert "over 3 texts" in asked.stdout
