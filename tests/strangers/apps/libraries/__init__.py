"""A model of each library, as strangers load and call it; none knows of otelml."""
