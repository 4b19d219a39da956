"""What to run: the models of config.yaml and of a study, and how they are read and checked."""
