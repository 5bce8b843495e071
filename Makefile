.PHONY: check format test

check:  ## what people and CI run: format, lint, types, tests
	ruff format --check .
	ruff check .
	mypy
	python -m pytest -m "not long"

format:
	ruff format .
	ruff check --fix .

test:
	python -m pytest
