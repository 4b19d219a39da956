"""Sets of truths: the registry, how to fetch them, readers and simulators."""
