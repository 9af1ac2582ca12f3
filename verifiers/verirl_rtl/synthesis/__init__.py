"""Logic synthesis to standard cells, and the area, delay and power of the result."""
