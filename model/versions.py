"""Which version reads when nobody chose one."""

#: Shipped in model/weights.
DEFAULT_VERSION = "robust-1"
