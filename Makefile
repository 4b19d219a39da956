# make results   everything that config.yaml asks for, in a Python environment of its own
# make test      every check
.PHONY: results test setup unlock retry format docs lock
.DEFAULT_GOAL := results

BIN := .venv/bin
export PYTHON TORCH_ARGS

results: setup
	@$(BIN)/snakemake --cores all

test: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/snakemake --lint
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

# .venv: the hashed lock, then torch by version. Does nothing when the environment is complete.
setup:
	@sh envs/setup.sh

# After a power cut or kill -9 of Snakemake itself.
unlock: setup
	@$(BIN)/snakemake --unlock

# Run again what failed and was recorded (on_error: record), and what follows from it.
retry: setup
	@$(BIN)/python workflow/scripts/retry.py

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow

# docs/configuration.md and the JSON schemas, from the models in src/reconbench/config.
docs: setup
	@$(BIN)/python docs/generate.py

# envs/requirements.lock and what is made from it, from envs/requirements.in; needs uv.
lock:
	@python3 envs/lock.py
