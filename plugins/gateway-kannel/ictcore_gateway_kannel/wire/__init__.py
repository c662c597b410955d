"""What goes over the wire, apart from what it means: codecs without I/O, and the threads that move bytes."""
