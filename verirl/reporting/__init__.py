"""What a person sees of a run: read from its folder alone, shown in a terminal or as one HTML file."""
