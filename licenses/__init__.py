"""Which licence each fetched or built part is under, and which licences are accepted."""
