"""The SMTP client: a protocol machine that does no I/O, connections, pools, and the one loop that drives them."""
