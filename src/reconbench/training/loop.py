"""The training loop of all networks: steps, one optimiser a network, validation, and going on where it was stopped."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from reconbench.contracts import Batch, Parameters, Problem
from reconbench.errors import StoppedError, UserError
from reconbench.progress import bar
from reconbench.randomness import words
from reconbench.training.checkpoints import Checkpoint
from reconbench.training.progress import Progress
from reconbench.training.sampling import Sampler
from reconbench.training.settings import Phase, Training
from reconbench.training.single_image import SingleImageSampler
from reconbench.training.weights import build_networks, load_into, read_weights

ONLY = "network"


@dataclass(frozen=True)
class Task:
    """One training: a method with its parameters, on what it is trained and validated, and where.

    `distance` returns how far the estimates of networks are from a truth, for training.csv to note; nothing goes by it.
    """

    method: ModuleType
    params: Parameters
    problem: Problem
    training: Sampler | SingleImageSampler
    validation: Sampler | SingleImageSampler | None
    seed: int
    address: tuple[str | int, ...]
    device: str
    title: str
    distance: Callable[[torch.nn.Module], float] | None = None

    @property
    def settings(self) -> Training:
        """How it is trained."""
        return self.params.training


def train(
    task: Task, checkpoint: Checkpoint, checkpoint_seconds: float, start: Path | None = None
) -> tuple[torch.nn.Module, Progress]:
    """Train a method's networks.

    Parameters
    ----------
    task : Task
    checkpoint : Checkpoint
        Where the state is kept and looked for.
    checkpoint_seconds : float
        How often it is saved.
    start : Path, optional
        Weights to start from; by default they are drawn.

    Returns
    -------
    networks : torch.nn.Module
        With the weights that `settings.keep` chooses, in evaluation mode.
    progress : Progress

    Raises
    ------
    StoppedError
        After SIGTERM or Ctrl-C, when the state is saved.
    UserError
        If the loss is not finite, the disk is full, or the weights to start from do not fit.
    """
    if task.settings.steps:
        task.training.check()
        if task.validation is not None:
            task.validation.check()
    with torch.random.fork_rng():
        torch.manual_seed(words(*task.address, task.seed, "weights")[0])
        networks = build_networks(task.method, task.problem, task.params)
    if start is not None:
        load_into(networks, read_weights(start).state, start)
    networks = networks.to(task.device, memory_format=_layout(task.settings))
    loop = _Loop(task, networks, checkpoint, checkpoint_seconds)
    loop.resume()
    with _signals() as signals, torch.random.fork_rng():
        loop.run(signals)
    if task.settings.keep == "best" and loop.progress.best is not None:
        networks.load_state_dict(loop.progress.best)
    return networks.eval(), loop.progress


class _Loop:
    """The state of a training, and a step of it."""

    def __init__(self, task: Task, networks: torch.nn.Module, checkpoint: Checkpoint, checkpoint_seconds: float):
        self.task = task
        self.settings = task.settings
        self.networks = networks
        self.checkpoint = checkpoint
        self.checkpoint_seconds = checkpoint_seconds
        parts = dict(networks.items()) if isinstance(networks, torch.nn.ModuleDict) else {ONLY: networks}
        self.parameters = {name: list(part.parameters()) for name, part in parts.items()}
        self.optimisers = {name: _optimiser(self.settings, group) for name, group in self.parameters.items()}
        self.progress = Progress()
        self.started = time.perf_counter()

    def resume(self) -> None:
        """Take up the checkpoint, if there is one of this very training."""
        state = self.checkpoint.load()
        if state is None:
            return
        self.networks.load_state_dict(state.pop("networks"))
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        del state["optimisers"]
        self.progress = Progress(**state)

    def save(self) -> None:
        """Write the checkpoint."""
        optimisers = {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()}
        self.checkpoint.save({**vars(self.progress), "networks": self.networks.state_dict(), "optimisers": optimisers})

    def run(self, signals: list[int]) -> None:
        """Do all steps that are left."""
        progress, settings = self.progress, self.settings
        if self.given_up:
            return
        saved = time.perf_counter()
        self.started = saved - progress.seconds
        batches = self.task.training.batches(progress.step, settings.steps)
        with bar(settings.steps, f"train {self.task.title}", "step", progress.step) as shown:
            for batch in batches:
                losses = self.step(batch, settings.phase(progress.step))
                progress.step += 1
                self.note(losses)
                progress.seconds = self.seconds
                shown.set_postfix_str(" ".join(f"{value:.4g}" for value in losses.values()), refresh=False)
                shown.update()
                if signals:
                    self.save()
                    raise StoppedError(signals[0])
                if time.perf_counter() - saved > self.checkpoint_seconds:
                    self.save()
                    saved = time.perf_counter()
                if self.given_up:
                    return

    @property
    def given_up(self) -> bool:
        """Whether validation has found nothing better for too long."""
        return self.settings.patience is not None and self.progress.stale >= self.settings.patience

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before a resume among them."""
        return time.perf_counter() - self.started

    def step(self, batch: Batch, phase: Phase) -> dict[str, float]:
        """Take one step of every optimiser and return the losses."""
        # Dropout and its like draw from the global generator, which fork_rng lends to this training.
        torch.manual_seed(words(*self.task.address, self.task.seed, "step", self.progress.step)[0])
        self.networks.train()
        if phase.frozen_normalisation:
            _freeze_normalisation(self.networks)
        with self._arithmetic():
            losses = self._losses(batch)
        rate = phase.learning_rate * self.progress.rate
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = rate
            # Each loss moves its own network only, though it may look through the others.
            gradients = torch.autograd.grad(
                losses[name], self.parameters[name], retain_graph=len(self.optimisers) > 1, allow_unused=True
            )
            for parameter, gradient in zip(self.parameters[name], gradients, strict=True):
                parameter.grad = gradient
        for optimiser in self.optimisers.values():
            optimiser.step()
        if self.settings.weight_noise:
            self._shake(rate * self.settings.weight_noise / (1 + self.progress.step))
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def note(self, losses: Mapping[str, float]) -> None:
        """Add up the losses and, where a line is due, validate and write it."""
        progress = self.progress
        for name, loss in losses.items():
            if not loss - loss == 0:
                raise UserError(
                    f"the loss of '{name}' is {loss} at step {progress.step}; a smaller learning rate may help"
                )
            progress.losses[name] = progress.losses.get(name, 0.0) + loss
        progress.since += 1
        if progress.step % self.settings.validation_every and progress.step != self.settings.steps:
            return
        phase = self.settings.phase(progress.step - 1)
        error = None if self.task.validation is None else self.validate()
        line = {
            "step": progress.step,
            "seconds": round(self.seconds, 3),
            "learning_rate": phase.learning_rate * progress.rate,
            "frozen_normalisation": int(phase.frozen_normalisation),
            **{_column(name): total / progress.since for name, total in progress.losses.items()},
            "validation_error": error,
        }
        if self.task.distance is not None:
            self.networks.eval()
            # The clock of a training stands still for what only tells of it.
            paused = time.perf_counter()
            line["distance_from_truth"] = self.task.distance(self.networks)
            self.started += time.perf_counter() - paused
        progress.lines.append(line)
        progress.losses, progress.since = {}, 0
        improved = error is not None and progress.take_in(error, self.settings.plateau)
        if improved and self.settings.keep == "best":
            progress.best = {name: value.detach().clone() for name, value in self.networks.state_dict().items()}

    @torch.no_grad()
    def _shake(self, deviation: float) -> None:
        """Add noise to all weights."""
        for parameters in self.parameters.values():
            for parameter in parameters:
                parameter += deviation * torch.randn_like(parameter)

    def validate(self) -> float:
        """Return the mean error of the validation batches, always the same ones."""
        measure = getattr(self.task.method, "validate", None)
        self.networks.eval()
        with torch.no_grad(), self._arithmetic():
            errors = [
                measure(self.networks, batch, self.task.problem, self.task.params)
                if measure
                else next(iter(self._losses(batch).values()))
                for batch in self.task.validation.batches(0, self.settings.validation_batches)
            ]
        return float(torch.stack(errors).mean())

    def _losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        batch = replace(batch, measurement=batch.measurement.to(memory_format=_layout(self.settings)))
        losses = self.task.method.loss(self.networks, batch, self.task.problem, self.task.params)
        return dict(losses) if isinstance(losses, Mapping) else {ONLY: losses}

    def _arithmetic(self) -> Any:
        return torch.autocast(
            torch.device(self.task.device).type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"
        )


def _layout(settings: Training) -> torch.memory_format:
    """Return where the channels of a pixel lie in memory."""
    if not settings.channels_last:
        return torch.preserve_format
    return torch.channels_last if len(settings.patch) == 2 else torch.channels_last_3d


def _column(name: str) -> str:
    return "loss" if name == ONLY else f"loss_{name}"


def _optimiser(settings: Training, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    rate = settings.phases[0].learning_rate if settings.phases else 1.0
    shared = {"lr": rate, "weight_decay": settings.weight_decay}
    makers: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adam": lambda: torch.optim.Adam(parameters, betas=(settings.momentum, 0.999), **shared),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, momentum=settings.momentum, **shared),
        "nesterov": lambda: torch.optim.SGD(parameters, momentum=settings.momentum, nesterov=True, **shared),
    }
    return makers[settings.optimiser]()


def _freeze_normalisation(networks: torch.nn.Module) -> None:
    for module in networks.modules():
        if getattr(module, "running_mean", None) is not None:
            module.eval()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGTERM and Ctrl-C instead of dying of them, so that a step ends and its state can be saved."""
    seen: list[int] = []

    def remember(number: int, frame: Any) -> None:
        seen.append(number)
        print("saving a checkpoint, then stopping", file=sys.stderr, flush=True)

    previous = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
