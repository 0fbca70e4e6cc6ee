# Targets for contributors. They use the tools of the active virtual environment: pip install -c constraints.txt -e ".[dev,baselines]"
.PHONY: lint format test-fast test bench gpu nightly versions docs

lint: ## ruff, mypy (strict) and import-linter
	ruff check
	ruff format --check
	mypy
	lint-imports

format: ## fix what can be fixed automatically
	ruff check --fix
	ruff format

test-fast: ## the fast suite on all cores: three minutes on two
	pytest -n logical -m "not slow"

test: ## everything except the benchmarks
	pytest -n logical -m "slow or not slow"

bench: ## benchmarks against what people use today, as ratios in one run
	pytest tests/benchmarks --benchmark-only

gpu: ## everything that depends on a GPU, in eight minutes; writes results/perf/<machine>.json
	pytest tests/gpu -m gpu

nightly: versions ## trains a shipped baseline again and compares it with its weights; the long attacks and loads
	pytest -m "training or nightly" --durations 20
	.ci/trackers
	-pytest tests/benchmarks -m nightly -s

versions: ## checkpoints with the oldest and the newest releases of transformers, accelerate and peft
	.ci/versions oldest
	.ci/versions newest

docs: ## write the generated reference pages again
	python docs/reference/generate.py
