"""E-mail as a service of ICTCore."""
