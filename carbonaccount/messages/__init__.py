"""Messages to residents: what changed for them, in their language, kept until they read it."""
