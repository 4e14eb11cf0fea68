"""Pictures of the dashboards, drawn from live query results."""
