"""What reads files, bodies and answers counts them before it makes anything of them."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otelml._bounded import MOST_COLUMNS, MOST_ROW, TooMuchError, loads
from otelml._feedback import import_csv
from otelml._proxy.copies import Budget, Copy
from otelml.cli._bodies import read_rows
from otelml.exceptions import ConfigurationError, FeedbackError, InvalidReferenceError
from otelml.labels import LabelStore
from otelml.reference import Reference, parquet, sources
from tests.security import hostile

JSON = [(b"content-type", b"application/json")]
DEEP = "[" * 200_000
WIDE = "[" + "{}," * 1_000_000 + "{}]"


@pytest.mark.parametrize("kind", [str, str.encode])
def test_json_is_counted_first(kind):
    """Objects, all values, and how deep; what stands in strings counts for nothing."""
    strings = kind(json.dumps(['[{,\\" ' * 100, "]"]))
    assert loads(strings, objects=1, parts=2) == json.loads(strings)
    assert loads(kind("[1,2]"), objects=1, parts=2) == [1, 2]
    for text, said in (("[[]]", "1 objects"), ("[1,2,3]", "2 values")):
        with pytest.raises(TooMuchError, match=said):
            loads(kind(text), objects=1, parts=2)
    with pytest.raises(TooMuchError, match="too deep"):
        loads(kind(DEEP), objects=10**6, parts=10**6)


def _written(path, *parts):
    path.write_text("".join(parts))
    return path


def test_columns_of_a_csv(tmp_path):
    """They are counted at the header, before a row is read."""
    names = ",".join(f"c{i}" for i in range(MOST_COLUMNS + 1))
    path = _written(tmp_path / "wide.csv", names, "\n", "not looked at")
    with pytest.raises(InvalidReferenceError, match="has 10,001 columns; 10,000 at most"):
        Reference.from_csv(path)


@pytest.mark.parametrize("row", ["1," * MOST_ROW, '"\n",' * MOST_ROW])
def test_a_row_of_a_csv(tmp_path, row):
    """It ends, on one line or on many."""
    path = _written(tmp_path / "long.csv", "a\n", row)
    with pytest.raises(InvalidReferenceError, match="a row has more than 8,388,608 characters"):
        Reference.from_csv(path)


def test_rows_of_a_csv_are_counted_one_by_one(tmp_path, monkeypatch):
    """Many that are each short enough are read, in chunks of a bounded size."""
    monkeypatch.setattr(sources, "_MOST_CHARACTERS", 1_000)
    path = _written(tmp_path / "rows.csv", "a,b\n", "1,2\n" * 3_000)
    sizes = [len(chunk["a"]) for chunk in sources.csv_chunks(path)]
    assert sum(sizes) == 3_000
    assert max(sizes) == 251
    monkeypatch.setattr(sources, "_MOST_CELLS", 200)
    assert {len(chunk["a"]) for chunk in sources.csv_chunks(path)} == {100}


def _table(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def _repeated(text, rows):
    return pa.array([text]).dictionary_encode().take(pa.array([0] * rows))


def test_a_text_of_a_parquet_file(tmp_path):
    """No longer than a field of CSV may be, so that a few bytes do not stand for gigabytes."""
    long = "x" * (parquet.MOST_TEXT + 1)
    path = _table(tmp_path / "text.parquet", a=_repeated(long, 20_000))
    assert path.stat().st_size < 50_000
    with pytest.raises(InvalidReferenceError, match="a text is longer than 131,072 bytes"):
        Reference.from_parquet(path)


def test_a_chunk_of_a_parquet_file(tmp_path):
    """It is split until it is small enough, and no row is lost."""
    path = _table(
        tmp_path / "texts.parquet", a=_repeated("x" * 100_000, 5_000), b=list(range(5_000))
    )
    chunks = list(parquet.parquet_chunks(path))
    assert [value for chunk in chunks for value in chunk["b"]] == list(range(5_000))
    assert max(len(chunk["a"]) for chunk in chunks) * 100_000 <= parquet.MOST_BYTES


def test_values_of_a_parquet_file(tmp_path):
    """Missing ones, and those of each kind, are what they were without the bounds."""
    columns = {"text": ["a", None, "b"], "number": [1.5, None, 2.0], "truth": [True, None, False]}
    (chunk,) = parquet.parquet_chunks(_table(tmp_path / "values.parquet", **columns))
    assert chunk == columns


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({f"c{i}": [1] for i in range(MOST_COLUMNS + 1)}, "10,001 columns; 10,000 at most"),
        ({"a": [[0.0] * (parquet.MOST_CELLS + 1)]}, "a row has more than 64 MiB or 2,000,000 values"),
    ],
)  # fmt: skip
def test_width_of_a_parquet_file(tmp_path, columns, said):
    """By columns, and by lists in a row."""
    path = _table(tmp_path / "wide.parquet", **columns)
    with pytest.raises(InvalidReferenceError, match=said):
        Reference.from_parquet(path)


@pytest.mark.parametrize(("text", "said"), [(DEEP, "too deep"), (WIDE, "more than 1,000,000")])
def test_a_file_of_rows(tmp_path, text, said):
    """Of ``otelml predict`` and ``simulate``: a message, and no traceback."""
    with pytest.raises(ConfigurationError, match=said):
        read_rows("--data", _written(tmp_path / "rows.json", text))


def test_a_table_is_read_as_far_as_it_is_wanted(tmp_path, monkeypatch):
    """A million rows are not read where a few are wanted."""
    read = []
    columns = sources._columns
    monkeypatch.setattr(sources, "_columns", lambda *given: read.append(1) or columns(*given))
    path = _written(tmp_path / "rows.csv", "a\n", "1\n" * 100_000)
    assert len(sources.read_table(path, 1_000)["a"]) == sources.CHUNK_ROWS
    assert len(read) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,actual\n" + "1," * MOST_ROW, "a row has more than 8,388,608 characters"),
        ("id,actual\n1," + "x" * 200_000, "field larger than field limit"),
        ("id,actual," + "a," * 100_000 + "a\n", "the columns are id, actual, a, a"),
    ],
)
def test_labels_of_a_file(tmp_path, text, said):
    """Refused in words; the rows before it are kept."""
    path = _written(tmp_path / "labels.csv", text)
    store = LabelStore(f"sqlite:///{tmp_path}/labels.db")
    with pytest.raises(FeedbackError, match=said) as raised:
        import_csv(path, store, None, on_refused=lambda *_: None, on_progress=lambda _: None)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("body", "packed"), [(WIDE.encode(), False), (DEEP.encode(), False), (gzip.compress(WIDE.encode()), True)]
)  # fmt: skip
def test_a_body_that_passes_the_proxy(body, packed):
    """It passes, and is not read."""
    headers = [*JSON, (b"content-encoding", b"gzip")] if packed else JSON
    copy = Copy(Budget(4 << 20, 64 << 20), headers)
    copy.add(body)
    assert copy.is_whole
    assert copy.read() is None


@pytest.mark.slow
@pytest.mark.parametrize("case", hostile.CASES, ids=lambda case: case.name)
def test_hostile_input(case, tmp_path):
    """Each is answered as it should be, in bounded memory and without running out of CPU time."""
    cost = hostile.measure(case, tmp_path)
    assert case.said in cost.said
    assert cost.mb <= case.most_mb
