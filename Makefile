# `make demo` and `make test` do all their own set-up on a Debian machine with Python 3 and pip.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
DEMO ?= demo_output
# Versions that are known to go together; empty for the newest ones
CONSTRAINTS ?= tests/constraints.txt
# Processes that test side by side; 0 for the one that can be debugged
WORKERS ?= 3

.PHONY: help demo test quick coverage mutants lint setup system lock newest oldest bare abuse kernels bench accuracy screenshots docs clean

help:
	@echo "make demo         run the suite on sample_data/ and write a page of pictures to $(DEMO)/"
	@echo "make test         run every check: ruff, mypy, pytest with a real napari and a real GIMP 3"
	@echo "make quick        ruff, mypy and the fast tests of the core, in under a minute"
	@echo "make coverage     which part of the core its tests run"
	@echo "make mutants      make deliberate faults in the estimate; its tests must catch each"
	@echo "make abuse        damaged files, odd arrays, kills, full disks; writes docs/robustness.md"
	@echo "make kernels      compile anew what travels with the package, after a change of a kernel"
	@echo "make bare         make demo and make test on bare Debian 12 and 13 systems (root)"
	@echo "make lock         refresh tests/constraints.txt; make newest and make oldest test without it"
	@echo "make accuracy     measure against known truth, each part switched off in turn"
	@echo "make bench        measure time and memory beside other programs"
	@echo "make screenshots  take the pictures of the documentation from real windows"
	@echo "make docs         build the documentation into site/"

# The stamp goes stale with what says what to install. Nothing is compiled here: Python compiles a file when it is first
# imported, most never are, and installing takes half the time
$(STAMP): pyproject.toml Makefile $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -q -y python3-venv; } || \
	  { echo "Python lacks venv: install Debian's package python3-venv"; exit 1; }
	[ -x $(RUN) ] || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install -q --no-compile --upgrade 'pip>=25.1'
	$(RUN) -m pip install -q --no-compile -e '.[napari,dask,plots,docs,raw,heif,jxl,psd,exr]' --group test $(CONSTRAINTS:%=-c %)
	@touch $@

setup: $(STAMP)

# A display, a browser, and the programs that read our files back; without root they must be there already
system:
	@missing=""; for names in $$(cat tests/system-packages.txt); do \
	  dpkg-query -W -f '$${Status}\n' $$(echo $$names | tr '|' ' ') 2>/dev/null | grep -q ' installed$$' || \
	  missing="$$missing $$names"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && wanted="" && for names in $$missing; do for name in $$(echo $$names | tr '|' ' '); do \
	      if apt-cache show $$name >/dev/null 2>&1; then wanted="$$wanted $$name"; break; fi; done; done && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$wanted; \
	  else echo "Tests of windows may fail; Debian packages that are missing:$$missing"; fi; fi

demo: $(STAMP)
	$(VENV)/bin/defocus demo -o $(DEMO) --overwrite

lint: $(STAMP)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(VENV)/bin/typos
	$(RUN) -m mypy
	$(RUN) -m mypy --config-file gimp_plugin/mypy.ini

# Three processes for two cores: while one waits for a window, the others compute.
# A file stays in one, so that what it starts is started once
test: system lint
	$(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

quick: lint
	$(RUN) -m pytest tests/core -q -m 'not slow and not lengthy' --durations=5

# Lines of the core that its tests run; compiled kernels are none of them
coverage: $(STAMP)
	$(RUN) -m pip install -q 'pytest-cov>=6'
	$(RUN) -m pytest tests/core -q -n $(WORKERS) --dist loadfile -m 'not slow' --cov=defocus --cov-report=term:skip-covered

# What is installed changes only on purpose
lock: $(STAMP)
	$(RUN) -m pip install -q 'uv>=0.8'
	$(RUN) tests/bare/lock.py

newest:
	$(MAKE) test VENV=.venv-newest CONSTRAINTS=

oldest: $(STAMP)
	$(RUN) -m pip install -q 'uv>=0.8'
	$(RUN) tests/bare/lock.py --oldest > .venv/oldest.txt
	$(MAKE) system setup VENV=.venv-oldest CONSTRAINTS=.venv/oldest.txt
	.venv-oldest/bin/python -m pytest -W default  # types, style and warnings are judged by newer tools only

mutants: $(STAMP)
	$(RUN) -m tests.mutants

# What numba makes of the kernels for every processor
kernels: $(STAMP)
	$(RUN) packaging/kernels.py

abuse: $(STAMP)
	$(RUN) -m tests.abuse

bare:
	$(PYTHON) tests/bare/machines.py

bench: $(STAMP)
	$(RUN) -m pip install -q --group benchmark
	$(RUN) -m benchmarks --huge

accuracy: $(STAMP)
	$(RUN) -m pip install -q --group benchmark
	$(RUN) benchmarks/accuracy.py --ablation --peers

screenshots: system $(STAMP)
	$(RUN) docs/readme_picture.py
	$(RUN) docs/napari_screenshots.py
	$(RUN) tests/gimp/screenshots.py

docs: $(STAMP)
	$(RUN) docs/try_page.py
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

clean:
	rm -rf $(VENV) $(DEMO) accuracy_output site build *.egg-info
