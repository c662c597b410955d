"""The REST API: operations in a table, one Falcon responder for all of them, and no rules of its own."""
