"""What can be done, one file per noun: check the right, load, apply a rule, save, in one transaction each.

The REST API, dialects and the command line all come through here.
"""
