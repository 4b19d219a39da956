"""What the methods with a multi-scale network share: which widths, kernels and patches go together."""

from typing import Any

# The network leads images down to 8 pixels a side, and from there by three cells without padding to 2.
BOTTOM = 8
UNPADDED = 3


def fitting(params: Any) -> Any:
    """Return parameters whose `widths` lead down from `training.patch` and whose `outer_kernel` has a middle.

    Raises
    ------
    ValueError
        If they do not.
    """
    side = BOTTOM * 2 ** (len(params.widths) - UNPADDED - 1)
    if params.training.patch != (side, side):
        raise ValueError(
            f"{len(params.widths)} widths need training.patch [{side}, {side}], not {list(params.training.patch)}"
        )
    if params.outer_kernel % 2 == 0:
        raise ValueError(f"outer_kernel must be odd, not {params.outer_kernel}")
    return params
