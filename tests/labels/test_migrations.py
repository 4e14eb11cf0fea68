"""A store of an older otelml is brought to this version, and loses nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from otelml.labels import Label, LabelStore, Waiting
from tests.labels import _first_schema

WHERE = ["sqlite", pytest.param("postgresql", marks=pytest.mark.stack)]


@pytest.fixture
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/labels.db"
    return request.getfixturevalue("database")


@pytest.mark.parametrize("url", WHERE, indirect=True)
def test_from_the_first_schema(url):
    """What was kept is there; what is new works; a second start changes nothing."""
    now = time.time_ns()
    _first_schema.make(url, now)
    for _ in range(2):
        store = LabelStore(url)
        assert store.label("p") == Label("p", "api", "yes", "kim", now, "")
        assert store.find("loan-1") == "id-1"
        assert store.progress("d").done == 7
        store.close()
    store = LabelStore(url)
    store.put(Label("p", "core", "no", "", now, "id-0"))
    store.reviews.add([Waiting("r", "id-2", 0.5, {"a": "1"}, now)])
    assert store.positions.lease("core", "me", 5)
    assert store.reviews.waiting(5)[1] == 1
    assert store.recent(9, ["core"])[0].prediction_id == "id-0"
    store.close()


@pytest.mark.parametrize("url", WHERE, indirect=True)
def test_several_start_at_once(url):
    """One of them migrates; the others find it done."""
    _first_schema.make(url, time.time_ns())
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: LabelStore(url), range(4)))
    assert {store.counts()["labels"] for store in stores} == {1}
    for store in stores:
        store.close()


def test_the_first_schema_and_todays_are_one(tmp_path):
    """A migrated store has the tables and columns of a new one."""
    import sqlalchemy as sa

    old, new = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"
    _first_schema.make(old, time.time_ns())
    shapes = []
    for url in (old, new):
        LabelStore(url).close()
        inspector = sa.inspect(sa.create_engine(url))
        shapes.append(
            {
                table: (
                    {
                        (c["name"], str(c["type"]), c["nullable"])
                        for c in inspector.get_columns(table)
                    },
                    {tuple(i["column_names"]) for i in inspector.get_indexes(table)},
                    tuple(inspector.get_pk_constraint(table)["constrained_columns"]),
                )
                for table in inspector.get_table_names()
            }
        )
    assert shapes[0] == shapes[1]
