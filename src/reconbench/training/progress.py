"""How far a training is: what a checkpoint holds besides weights and optimisers."""

from dataclasses import dataclass, field
from typing import Any

from reconbench.training.settings import Plateau

Line = dict[str, Any]


@dataclass
class Progress:
    """The state of a training that is made of plain numbers, and the best weights so far."""

    step: int = 0
    lines: list[Line] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    """Sums of the losses since the last line."""
    since: int = 0
    """Steps since the last line."""
    best_error: float = float("inf")
    best: dict[str, Any] | None = None
    stale: int = 0
    """Validations since the best one."""
    waited: int = 0
    """Validations since the best one or since the learning rate was lowered."""
    rate: float = 1.0
    """What a plateau has made of the learning rates so far, as a factor."""
    seconds: float = 0.0

    def facts(self) -> dict[str, Any]:
        """Return what run.json tells of a training."""
        per_second = self.step / self.seconds if self.seconds else None
        errors = [error for line in self.lines if (error := line["validation_error"]) is not None]
        return {
            "steps": self.step,
            "steps_per_second": per_second,
            "last_validation_error": errors[-1] if errors else None,
            "best_validation_error": min(errors, default=None),
        }

    def take_in(self, error: float, plateau: Plateau | None) -> bool:
        """Count a validation error, lower the learning rate where it is due, and return whether it is the smallest."""
        if error < self.best_error:
            self.best_error, self.stale, self.waited = error, 0, 0
            return True
        self.stale += 1
        self.waited += 1
        if plateau is not None and self.waited >= plateau.patience:
            self.rate *= plateau.factor
            self.waited = 0
        return False
