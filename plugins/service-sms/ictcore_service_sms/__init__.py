"""SMS as a service of ICTCore."""
