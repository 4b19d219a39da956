"""Low-rank approximation of many small matrices at once, by shrinking their singular values."""

from typing import Any


class Decompositions:
    """Singular value decompositions of small matrices, as far as one column of each needs them.

    Parameters
    ----------
    matrices : torch.Tensor
        Shape (n, row, column), float64, not more columns than rows.
    column : int
        The column that `shrunk` returns.

    Attributes
    ----------
    values : torch.Tensor
        Singular values, shape (n, k), ascending.
    parts : torch.Tensor
        What each of them adds to the column, shape (n, row, k); their sum is the column.

    Notes
    -----
    With M = sum_k s_k u_k v_k^T, the eigenvectors of M^T M are v_k, its eigenvalues s_k^2, and s_k u_k = M v_k. That
    takes half the time of a decomposition of M, and what it loses, singular values below 1e-8 of the largest, is
    noise here.
    """

    def __init__(self, matrices: Any, column: int):
        import torch

        squares, right = torch.linalg.eigh(matrices.mT @ matrices)
        self.values = squares.clamp(min=0).sqrt()
        self.parts = (matrices @ right) * right[:, column, None, :]

    def shrunk(self, weights: Any) -> Any:
        """Return the column of each matrix whose singular values are max(s_k - w_k, 0).

        Parameters
        ----------
        weights : torch.Tensor or float
            w_k, shape (n, k) or one for all, at least 0.

        Returns
        -------
        torch.Tensor
            Shape (n, row).
        """
        import torch

        kept = torch.where(self.values > weights, 1 - weights / self.values, 0)
        return (self.parts @ kept[..., None])[..., 0]


def exponential_weights(values: Any, decay: float) -> Any:
    """Return w_k = s_max exp(-decay s_k^2 / 2), which spares large singular values.

    Parameters
    ----------
    values : torch.Tensor
        Singular values, shape (n, k), ascending.
    decay : float
        In units of 1 / s^2; larger shrinks less.
    """
    return values[:, -1:] * (-0.5 * decay * values**2).exp()
