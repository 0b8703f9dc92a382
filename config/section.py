"""What the settings' sections have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

#: VR AE (PS3.5 Table 6.2-1): up to 16 characters, no backslash or control character, no outer spaces.
AeTitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[!-\[\]-~]([ -\[\]-~]*[!-\[\]-~])?$")]


class Section(BaseModel):
    """One table of the settings file: every key known, every value fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
