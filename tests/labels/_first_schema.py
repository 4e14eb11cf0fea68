"""The tables as the first otelml with a store has made them, with a label, a key and a file."""

from __future__ import annotations

import sqlalchemy as sa

_TABLES = """
CREATE TABLE otelml_labels_step (step INTEGER NOT NULL, PRIMARY KEY (step));
CREATE TABLE otelml_labels (
    prediction VARCHAR(64) NOT NULL, source VARCHAR(200) NOT NULL, actual VARCHAR(200) NOT NULL,
    reviewer VARCHAR(200) NOT NULL, time_ns BIGINT NOT NULL, PRIMARY KEY (prediction, source)
);
CREATE INDEX ix_otelml_labels_time_ns ON otelml_labels (time_ns);
CREATE TABLE otelml_label_keys (
    key VARCHAR(200) NOT NULL, prediction_id VARCHAR(200) NOT NULL, prediction VARCHAR(64) NOT NULL,
    time_ns BIGINT NOT NULL, PRIMARY KEY (key)
);
CREATE INDEX ix_otelml_label_keys_time_ns ON otelml_label_keys (time_ns);
CREATE INDEX ix_otelml_label_keys_prediction ON otelml_label_keys (prediction);
CREATE TABLE otelml_label_imports (
    digest VARCHAR(64) NOT NULL, summary TEXT NOT NULL, time_ns BIGINT NOT NULL, PRIMARY KEY (digest)
);
INSERT INTO otelml_labels_step VALUES (1)
"""
_ROWS = {
    "INSERT INTO otelml_labels VALUES ('p', 'api', 'yes', 'kim', :now)",
    "INSERT INTO otelml_label_keys VALUES ('loan-1', 'id-1', 'q', :now)",
    "INSERT INTO otelml_label_imports VALUES ('d', :summary, :now)",
}


def make(url: str, time_ns: int) -> None:
    """Make a store of the first schema."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in _TABLES.split(";"):
            connection.execute(sa.text(statement))
        for row in _ROWS:
            bound = {"now": time_ns, "summary": '{"done": 7}'}
            connection.execute(sa.text(row), {k: v for k, v in bound.items() if f":{k}" in row})
    engine.dispose()
