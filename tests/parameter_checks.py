"""Checks of a `Params` model that all kinds of files share."""


def assert_described_and_bounded(schema):
    """Every field has words, and every number at least one bound."""
    for model in (schema, *schema.get("$defs", {}).values()):
        for key, value in model.get("properties", {}).items():
            assert value.get("description"), f"{key} has no docstring"
            for choice in (value, *value.get("anyOf", ())):
                if choice.get("type") in ("number", "integer") and not {"const", "enum"} & choice.keys():
                    bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
                    assert bounds & choice.keys(), f"{key} has no bounds"
