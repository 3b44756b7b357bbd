"""What the pages of pools share in the panel: their form."""
