"""Ready mappings of published lists of institutions, one TOML file each."""
