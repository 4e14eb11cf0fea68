"""What is kept of the rows a model has seen: bounded, and free of OpenTelemetry."""
