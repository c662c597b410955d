"""A gateway to the example carrier: texts by HTTP and JSON. Copy this folder to begin a gateway of your own."""
