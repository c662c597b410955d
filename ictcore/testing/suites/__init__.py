"""The suites: subclass one in a plugin's tests and give its fixtures."""
