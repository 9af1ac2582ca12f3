"""Files: JSON lines with errors that name file, line and field; atomic writes; task sources."""
