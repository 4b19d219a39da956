"""Draws by address."""

import subprocess
import sys

from reconbench.randomness import generator, words


def test_an_address_gives_the_same_draws_in_every_process():
    program = "from reconbench.randomness import generator; print(generator(3, 'measure', 'a', 1).random())"
    drawn = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert drawn == {str(generator(3, "measure", "a", 1).random())}


def test_every_part_of_an_address_counts():
    addresses = [("a", "b"), ("ab",), ("b", "a"), ("a", "b", 1), ("a", "b", "1"), ("a", "b", 2)]
    assert len({tuple(words(*address)) for address in addresses}) == len(addresses)
    assert generator(0, "a").random() != generator(1, "a").random()
