"""Settings of the service: one TOML file, CXR_* environment, command-line overrides."""
