"""A Kafka broker for the tests of the Kafka overlays: real, small, on loopback."""
