"""Labels that arrive in a Kafka topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from otelml._bounded import TooMuchError, loads
from otelml._label_options import KafkaLabels, expanded
from otelml._shown import scrubbed, shown_key
from otelml.exceptions import LabelSourceError, MissingDependencyError
from otelml.labels.sources.batch import Batch, Row, Stop, Unreadable, row_of

_MESSAGES = 500
_MOST_BYTES = 1 << 20  # of a message
_MOST_OBJECTS = 10_000
_MOST_PARTS = 100_000
_WAIT_S = 1.0
_JOIN_S = 60.0


def client() -> Any:
    """Return the module of Kafka's client.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import confluent_kafka
    except ImportError as error:
        raise MissingDependencyError("KafkaLabels", "kafka") from error
    return confluent_kafka


class KafkaReader:
    """Reads a topic as a member of a consumer group.

    The group's offsets move only after the store has the labels. The position of each partition
    is kept with them, so that what is delivered again after a crash is not counted again.

    Args:
        options: The source.

    Raises:
        ConfigurationError: A variable is missing, or a setting is wrong.
        MissingDependencyError: The client is not installed.
    """

    is_shared = True

    def __init__(self, options: KafkaLabels) -> None:
        self._options = options
        self._kafka = client()
        self._positions: dict[int, dict[str, int]] = {}
        self._is_member = False
        self._error: Any = None
        kinds = self._kafka.KafkaError
        self._serious = {kinds._ALL_BROKERS_DOWN, kinds._AUTHENTICATION, kinds._RESOLVE, kinds._SSL}  # noqa: SLF001 - public names
        settings: dict[str, Any] = {
            "auto.offset.reset": "earliest",
            "client.id": "otelml",
            "log_level": 0,  # what matters is an error, and counted
        }
        for name, value in (options.settings or {}).items():
            settings[name] = expanded(value, f"KafkaLabels.settings[{shown_key(name)}]")
        # Longer than what names a mechanism, which an error may say.
        plain = ("PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "earliest", "latest")
        self._secrets = [str(one) for one in settings.values() if one not in plain]
        self._secrets += [one.rpartition(":")[0] for one in options.brokers.split(",")]
        settings |= {
            "bootstrap.servers": options.brokers,
            "group.id": options.group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "error_cb": self._failed,
        }
        try:
            self._consumer = self._kafka.Consumer(settings)
            self._consumer.subscribe([options.topic], on_assign=self._assigned)
        except (self._kafka.KafkaException, ValueError, TypeError) as error:
            raise LabelSourceError(
                f"a setting of Kafka's is wrong: {self._said(error)}", "settings"
            ) from None

    def _said(self, error: Any) -> str:
        """Return what the client says, without what its settings are set to."""
        return scrubbed(str(error), self._secrets)[:300]

    def _failed(self, error: Any) -> None:
        """Take note of what happened to the connection; some of it mends itself."""
        if error.fatal() or error.code() in self._serious:
            self._error = error

    def _assigned(self, _: Any, partitions: list[Any]) -> None:
        self._is_member, self._error = True, None
        for one in partitions:  # another member may have moved it meanwhile
            self._positions.pop(one.partition, None)

    def read(self, position_of: Callable[[str], Any], stop: Stop) -> Iterator[Batch]:
        """Yield what is new."""
        deadline = time.monotonic() + _JOIN_S
        while not stop.is_set():
            messages = self._consume()
            by_partition: dict[int, list[Any]] = {}
            for message in messages:
                if message.error() is not None:
                    self._raise_if_wrong(message.error())
                    continue
                by_partition.setdefault(message.partition(), []).append(message)
            is_last = self._is_member and len(messages) < _MESSAGES
            for partition, some in by_partition.items():
                yield self._batch(partition, some, position_of, is_last=is_last)
            if is_last:
                return
            if not self._is_member and time.monotonic() > deadline:
                raise LabelSourceError("Kafka has not let this member into its group", "join")

    def _consume(self) -> list[Any]:
        try:
            messages: list[Any] = self._consumer.consume(_MESSAGES, timeout=_WAIT_S)
        except (self._kafka.KafkaException, RuntimeError) as error:
            raise LabelSourceError(f"Kafka: {self._said(error)}", "consume") from None
        if messages:
            self._error = None
        elif self._error is not None:
            down, self._error = self._error, None
            raise LabelSourceError(f"Kafka: {self._said(down.str())}", str(down.name()))
        return messages

    def _raise_if_wrong(self, error: Any) -> None:
        if error.code() != self._kafka.KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            raise LabelSourceError(f"Kafka: {self._said(error.str())}", str(error.name()))

    def _batch(
        self,
        partition: int,
        messages: list[Any],
        position_of: Callable[[str], Any],
        *,
        is_last: bool,
    ) -> Batch:
        stream = f"{self._options.topic}/{partition}"
        if partition not in self._positions:
            self._positions[partition] = position_of(stream) or {"offset": -1, "time_ms": -1}
        at = self._positions[partition]
        rows: list[Row | Unreadable] = []
        offset, time_ms = at["offset"], at["time_ms"]
        for message in messages:
            when = message.timestamp()[1]
            # Again the same, unless it is younger: then the topic was made anew.
            if message.offset() <= at["offset"] and when <= at["time_ms"]:
                continue
            rows.append(self._row(message))
            offset, time_ms = message.offset(), max(time_ms, when)
        self._positions[partition] = position = {"offset": offset, "time_ms": time_ms}
        last = max(message.offset() for message in messages)
        return Batch(stream, rows, {**position, "next": last + 1}, is_last)

    def _row(self, message: Any) -> Row | Unreadable:
        try:
            value = message.value() or b""
            if len(value) > _MOST_BYTES:
                return Unreadable(f"the message is longer than {_MOST_BYTES:,} bytes")
            content = loads(value, objects=_MOST_OBJECTS, parts=_MOST_PARTS)
        except TooMuchError as error:
            return Unreadable(f"the message is not taken: {error}")
        except ValueError:
            return Unreadable("the message is not JSON")
        row = row_of(content, self._options.fields or {})
        when = message.timestamp()[1]
        if isinstance(row, Unreadable) or "timestamp" in row or when <= 0:
            return row
        return {**row, "timestamp": when / 1000}

    def kept(self, batch: Batch) -> None:
        """Commit the offset."""
        topic, _, partition = batch.stream.rpartition("/")
        at = self._kafka.TopicPartition(topic, int(partition), batch.position["next"])
        try:
            self._consumer.commit(offsets=[at], asynchronous=False)
        except (self._kafka.KafkaException, RuntimeError) as error:
            # The labels are kept; what is delivered again is known by its offset.
            raise LabelSourceError(
                f"Kafka takes no offset: {self._said(error)}", "commit"
            ) from None

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()
