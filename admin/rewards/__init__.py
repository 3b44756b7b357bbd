"""What the panel's pages of rewards send and read."""
