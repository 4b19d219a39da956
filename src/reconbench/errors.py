"""Errors that a user can mend, as opposed to faults of the program."""


class UserError(Exception):
    """Something a user gave is wrong. The message is one sentence that names it and says what is right."""


class ConfigurationError(UserError):
    """One or more faults of the configuration, all of them in one message."""

    def __init__(self, faults: list[str]):
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join([f"the configuration has {count}:", *(f"  - {fault}" for fault in faults)]))


class NotApplicableError(UserError):
    """A method cannot be applied to what this problem measures, whatever its parameters."""


class StoppedError(Exception):
    """A signal asked a job to stop, and what it had is on disk. `number` is the signal's."""

    def __init__(self, number: int):
        super().__init__(f"stopped by signal {number}")
        self.number = number
