"""PostgreSQL: the only store, embedded or a server of its own."""
