"""The program types for messages: ``sendsms``, ``receivesms``, ``sendemail``, ``receiveemail``."""
