"""Docstrings: examples run, and everything public says what it takes and gives."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import defocus

ALL = pkgutil.walk_packages(defocus.__path__, "defocus.", onerror=lambda name: None)
MODULES = sorted(module.name for module in ALL if not module.name.endswith("__main__"))


def load(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} needs what is not here: {error}")


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    module = load(name)
    result = doctest.testmod(
        module, extraglobs={"np": np, "defocus": defocus}, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    with_examples = [name for name in MODULES if any(test.examples for test in finder.find(load(name)))]
    assert {"defocus.pictures.picture", "defocus.psf.families", "defocus.analysis"} <= set(with_examples)
    assert len(with_examples) >= 10


def test_every_name_that_the_package_offers_has_an_example():
    finder = doctest.DocTestFinder(recurse=False)
    names = set(defocus.__all__) - {"__version__"}
    without = [name for name in names if not any(test.examples for test in finder.find(getattr(defocus, name), name))]
    assert without == []


def public(name):
    """Yield (name, object) of what a module offers: its functions, its classes and their methods."""
    module = load(name)
    for item in getattr(module, "__all__", ()):
        if item in {found.name for found in pkgutil.iter_modules(getattr(module, "__path__", ()))}:
            continue  # a room of the package, described for itself
        value = getattr(module, item)
        if getattr(value, "__module__", None) != name:
            continue  # constants, and what another module describes
        yield item, value
        if inspect.isclass(value):
            for member, method in vars(value).items():
                if not member.startswith("_") and (inspect.isfunction(method) or isinstance(method, property)):
                    yield f"{item}.{member}", method


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_their_names_are_described(name):
    module = load(name)
    assert module.__doc__
    assert module.__doc__.strip()
    assert getattr(module, "__all__", None), "a module says what it offers"
    missing = [item for item, value in public(name) if not inspect.getdoc(value)]
    assert not missing


def arguments(value):
    return [
        parameter.name
        for parameter in inspect.signature(value).parameters.values()
        if parameter.name not in ("self", "cls", "progress")
    ]


def names_all(text, names):
    return all(item in text for item in names)


@pytest.mark.parametrize("name", MODULES)
def test_functions_name_their_arguments_and_say_what_comes_back(name):
    """In sections, or for small ones in the sentence itself."""
    undescribed = []
    for item, value in public(name):
        if not inspect.isfunction(value):
            continue
        text = inspect.getdoc(value) or ""
        names = arguments(value)
        if len(names) > 3 and "Parameters\n----------" not in text:
            undescribed.append(f"{item}: {len(names)} arguments without a section Parameters")
        if "Parameters\n----------" in text and not names_all(text, names):
            undescribed.append(f"{item}: {[n for n in names if n not in text]} are not described")
        returns = inspect.signature(value).return_annotation
        says = any(word in text for word in ("Return", "return", "Yield", "Give", "Whether"))
        if returns not in (None, "None", "NoReturn", inspect.Signature.empty) and not says:
            undescribed.append(f"{item}: what comes back?")
    assert not undescribed


@pytest.mark.parametrize("name", MODULES)
def test_dataclasses_describe_their_fields(name):
    undescribed = []
    for item, value in public(name):
        if inspect.isclass(value) and dataclasses.is_dataclass(value):
            text = inspect.getdoc(value) or ""
            # The fields of parameters and of tuning describe themselves
            told = [f for f in dataclasses.fields(value) if not {"source", "control"} & set(f.metadata)]
            fields = [f.name for f in told if not f.name.startswith("_")]
            if len(fields) > 1 and not names_all(text, fields):
                undescribed.append((item, [f for f in fields if f not in text]))
    assert not undescribed
