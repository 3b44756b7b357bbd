"""Public institutions: what they emit, what they offset, and how far they are from neutral."""
