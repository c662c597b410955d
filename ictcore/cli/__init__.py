"""The command line: ``ictcore COMMAND``."""
