"""What tests of deconvolution share: kernels, truths, and problems made of them."""

import numpy as np
import scipy.ndimage
import scipy.optimize
import torch

from reconbench.contracts import Problem
from reconbench.convolution import Convolution
from reconbench.metrics import mse


class Blur(Convolution):
    """A forward model: a convolution."""

    def measurement_shape(self, truth_shape):
        return truth_shape


def problem_of(blur, noise_variance=None, told=("forward model", "noise level")):
    def variance(signal):
        return np.full_like(signal, noise_variance)

    return Problem(
        kind="deconvolution",
        forward_model=blur,
        variance=None if noise_variance is None else variance,
        told=frozenset(told),
    )


def restore(method, measurement, problem, **params):
    return method.restore(measurement, problem, method.Params(**params), "cpu")


def lopsided_kernel():
    """A kernel without any symmetry."""
    kernel = np.random.default_rng(2).uniform(size=(5, 7)) * np.linspace(0.1, 1, 7)
    return kernel / kernel.sum()


def square_and_slope():
    """A dark image with a bright square, a slope and a point, float32 in [0, 1]."""
    image = np.full((56, 64), 0.1)
    image[10:30, 12:36] = 0.8
    image[36:50, 10:60] += np.linspace(0, 0.7, 50)
    image[20, 50] = 1
    return image.astype(np.float32)


def blurred(truth, kernel, boundary="zero"):
    return Convolution(kernel, boundary)(torch.from_numpy(truth)).numpy()


def squared_error(estimate, truth):
    return mse.metric(estimate, truth, mse.Params())


def objective(x, measurement, blur, weight, smoothing=0.0):
    """Half the squared residual plus the weighted total variation, written out anew in NumPy."""
    x = np.asarray(x, dtype=float)
    residual = scipy.ndimage.convolve(x, blur.kernel, mode="constant") - measurement
    squares = sum(np.diff(x, axis=a, append=np.take(x, [-1], axis=a)) ** 2 for a in range(x.ndim))
    return 0.5 * (residual**2).sum() + weight * np.sqrt(squares + smoothing).sum()


def least_objective(measurement, blur, weight, smoothing):
    """Minimise the smoothed objective by SciPy's L-BFGS; its gradient comes from torch."""
    target = torch.from_numpy(measurement.astype(float))

    def value_and_slope(x):
        x = torch.from_numpy(x.reshape(measurement.shape)).requires_grad_()
        squares = sum(x.diff(dim=a, append=x.narrow(a, -1, 1)) ** 2 for a in range(x.ndim))
        value = 0.5 * (blur(x) - target).square().sum() + weight * (squares + smoothing).sqrt().sum()
        value.backward()
        return float(value.detach()), x.grad.numpy().ravel()

    start = measurement.astype(float).ravel()
    options = {"maxiter": 1500, "maxfun": 2000, "ftol": 1e-13, "gtol": 1e-9}
    return scipy.optimize.minimize(value_and_slope, start, jac=True, method="L-BFGS-B", options=options).fun
