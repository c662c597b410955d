"""Persistence. The only place that knows the database library; SQLite and PostgreSQL through one interface."""
