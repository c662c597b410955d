"""Attempts out: which are due, by which provider they go, and who looks after them when a dispatcher dies."""
