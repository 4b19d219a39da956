"""Checks of a `Params` model that all kinds of files share."""

import ast
import inspect

from reconbench.contracts import Parameters


def assert_described_and_bounded(module):
    """Every field of a file's models of parameters has words, and every number at least one bound."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef) and _is_model(module, node.name):
            _assert_described(node)
    schema = module.Params.model_json_schema()
    for model in (schema, *schema.get("$defs", {}).values()):
        for key, value in model.get("properties", {}).items():
            for choice in (value, *value.get("anyOf", ())):
                if choice.get("type") in ("number", "integer") and not {"const", "enum"} & choice.keys():
                    bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
                    assert bounds & choice.keys(), f"{key} has no bounds"


def _is_model(module, name):
    found = getattr(module, name)
    return isinstance(found, type) and issubclass(found, Parameters)


def _assert_described(model):
    """Under each field of a class stands a text."""
    for field, after in zip(model.body, [*model.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            assert is_text and isinstance(after.value.value, str), f"{field.target.id} has no docstring"
