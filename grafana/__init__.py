"""What Grafana shows, and the generator that writes it."""
