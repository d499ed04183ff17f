# make run      set up what is missing, then start the bot (without DISCORD_TOKEN: the sandbox in a browser)
# make test     set up what is missing, then lint, type check and test
# make doctor   check everything that the bot needs, and say what to do
# The same lines without make are in README.md.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

run: $(VENV)/run.stamp
	$(PY) bot.py

doctor: $(VENV)/run.stamp
	$(PY) bot.py doctor

test: $(VENV)/test.stamp
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest -n logical --dist loadfile

# k-diffusion is the reference for DPM++ SDE. Only its sampling.py is read: its dependencies stay out.
$(VENV)/test.stamp: $(VENV)/run.stamp
	$(PIP) install -c constraints.txt -e ".[dev]"
	$(PIP) install --no-deps -c constraints.txt k-diffusion
	@touch $@

$(VENV)/run.stamp: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else 'Python 3.11 or newer is needed; PYTHON=... names another one.')"
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	@touch $@

clean:
	rm -rf $(VENV)

.PHONY: help run doctor test clean
