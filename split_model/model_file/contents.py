"""The first member of a model file, `dads.json`: format, version, the other members and the model's definition."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from split_model.errors import ModelFileError
from split_model.model_file.definition_json import DefinitionJson
from split_model.model_file.layout import DEFINITION, FORMAT, VERSION
from split_model.model_file.nesting_json import Json

__all__ = ["ContentsJson", "MemberJson", "contents_of"]


class MemberJson(Json):
    """A member: bytes, and SHA-256 in hexadecimal."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ContentsJson(Json):
    """What is in the file; `members` are all but this one."""

    format: Literal["dads-model"]
    version: Literal[1]
    members: dict[str, MemberJson]
    definition: DefinitionJson


class _FormatJson(BaseModel):
    """What every version begins with."""

    model_config = ConfigDict(strict=True)

    format: str
    version: int


def contents_of(data: bytes) -> ContentsJson:
    """Reads the member.

    Raises:
        ModelFileError: It is of another version, or its JSON is not of this form.
    """
    try:
        found = _FormatJson.model_validate_json(data)
        if found.format == FORMAT and found.version != VERSION:
            than = "newer" if found.version > VERSION else "older"
            raise ModelFileError(
                f"its format is of version {found.version}, {than} than {VERSION}, which this build reads: "
                f"{'update this build, or ' * (found.version > VERSION)}export it again with this build's `dads export`"
            )
        return ContentsJson.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ModelFileError(f"its {DEFINITION} is not of this format: {place:.200}: {first['msg']:.200}") from error
