"""The decisions around rules: behaviours, reasons, previews, factors, the city's policy."""
