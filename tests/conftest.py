"""One thread a worker, as jobs have it: two workers with two threads each get in each other's way."""

import os

from reconbench.devices import THREAD_VARIABLES

os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
