"""`cxr-triage dicomweb`: take images by STOW-RS."""

from admin.data_folder import make_data_folder
from admin.logs import configure_logging
from admin.options import AeTitleOption, ConfigOption, DataDirOption, PacsOption, PortOption, settings_from
from admin.service_commands import stop_on_signal
from domain.errors import ConfigurationInvalid
from worker.gateway_values import dicomweb_tls, require_tls_files
from worker.signs_of_life import signs_of_life
from worker.stow_receiving import receiving_by_stow


def dicomweb(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    dicom_port: PortOption = None,
    ae_title: AeTitleOption = None,
    pacs: PacsOption = None,
) -> None:
    """Run only the STOW-RS server: take images by HTTP, as the listener does by C-STORE."""
    # Here, not above: the other commands do without the web libraries.
    from worklist.dicomweb import run_dicomweb  # noqa: PLC0415

    settings = settings_from(config, data_dir, dicom_port, ae_title, pacs)
    if not settings.dicomweb.enabled:
        raise ConfigurationInvalid("dicomweb.enabled is false: STOW-RS is offered where it is switched on")
    configure_logging(settings.service, "dicomweb")
    make_data_folder(settings)
    require_tls_files(settings)
    alive = signs_of_life(settings, "dicomweb")
    with stop_on_signal() as stop, receiving_by_stow(settings, stop) as reception, alive:
        run_dicomweb(settings, reception, dicomweb_tls(settings.dicomweb), stop)
