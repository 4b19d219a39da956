"""What the models of a configuration are made of: the base of its sections, and the values that they share."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# The name of the variant that stands for the truth itself.
ORACLE = "oracle"


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_parameters_by_name(value: Any) -> Any:
    """Read `[mse, ssim]` as `{mse: {}, ssim: {}}`."""
    names = _as_list(value)
    return {name: {} for name in names} if isinstance(names, list) else value


def nothing_as_none(value: Any) -> Any:
    """Read an empty value, and words for nothing as the command line gives them, as None."""
    return None if value in ("", "none", "null", "None") else value


def nothing_as_empty(value: Any) -> Any:
    """Read a key without a value as an empty map."""
    return {} if value is None else value


# Names become folders, wildcards and columns.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Names = Annotated[list[Name], BeforeValidator(_as_list, json_schema_input_type=list[Name] | Name)]
Texts = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=list[str] | str)]
OptionalText = Annotated[str | None, BeforeValidator(nothing_as_none, json_schema_input_type=str | None)]
ParametersByName = Annotated[
    dict[Name, dict[str, Any]],
    BeforeValidator(_as_parameters_by_name, json_schema_input_type=dict[str, dict[str, Any]] | list[Name] | Name),
]
Size = Annotated[list[Annotated[int, Field(ge=8)]], Field(min_length=2, max_length=3)]
Range = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


class Section(BaseModel):
    """Base of all sections: an unknown key is a fault."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
