"""The boot sequence: options, providers, pipeline, instrumentors, life and end."""
