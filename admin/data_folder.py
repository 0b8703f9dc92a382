"""The data folder of a process of the service: there, writable, and closed to other accounts."""

import os

from config.settings import Settings
from domain.errors import ConfigurationInvalid

#: umask(2): what the service writes holds patient data, and is for its own account alone.
PRIVATE = 0o077


def make_data_folder(settings: Settings) -> None:
    """Make the data folder, if it is missing, and its folder for run files. Raises ConfigurationInvalid."""
    os.umask(PRIVATE)
    for folder in (settings.service.data_dir, settings.run_dir):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationInvalid(f"service.data_dir: {folder} cannot be made: {error.strerror}") from error
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigurationInvalid(f"service.data_dir: {folder} cannot be written to by this account")
