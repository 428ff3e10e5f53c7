"""Photographs whose truth was measured or drawn by hand, scored as published tables are."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from PIL import Image

import defocus

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def evaluate(shared):
    specification = importlib.util.spec_from_file_location("evaluate", shared / "evaluate.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def mean_scores(scores):
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}


def test_masks_of_photographs_with_shallow_focus(shared, evaluate):
    scores = []
    for file in sorted((shared / "data" / "cuhk_dev" / "image").iterdir()):
        blurred = np.asarray(Image.open(shared / "data" / "cuhk_dev" / "mask" / f"{file.stem}.png").convert("L")) >= 128
        mask = defocus.focus_mask(defocus.load_image(file))
        scores.append(evaluate.mask_scores(mask.astype(np.float32), ~blurred))
    found = mean_scores(scores)
    assert found["blur F"] >= 0.93
    assert found["blur IoU"] >= 0.85
    assert found["MAE"] <= 0.10
    assert found["focus IoU"] >= 0.75


@pytest.mark.parametrize(("name", "error", "rank"), [("rtf_dev", 0.19, 0.9), ("pixel4_dev", 0.5, 0.8)])
def test_radii_of_photographs_with_measured_blur(shared, evaluate, name, error, rank):
    scores = [
        evaluate.radius_scores(
            defocus.blur_map(defocus.load_image(file)),
            np.load(shared / "data" / name / "radius" / f"{file.stem}.npy"),
        )
        for file in sorted((shared / "data" / name / "image").iterdir())
    ]
    found = mean_scores(scores)
    assert found["MAE"] <= error
    assert found["Spearman"] >= rank
