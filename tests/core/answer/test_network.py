"""Network: the forward pass against a literal one, cell by cell."""

from __future__ import annotations

import numpy as np
import pytest

from defocus.answer.features import COUNT
from defocus.answer.network import CENTERS, forward, learned_prior, radius_shares, read_weights
from defocus.tuning import TUNING

WIDTHS = (3, 4, 5, 6)


def small_weights(seed=0, features=4, outputs=3):
    """Weights of a network as small as it may be, with every layer that the real one has."""
    rng = np.random.default_rng(seed)
    shapes = {"squeeze.0": (5, features + 1), "squeeze.1": (WIDTHS[0], 5), "last": (outputs, WIDTHS[0])}
    shapes |= {"whole.0": (WIDTHS[-1],) * 2, "whole.1": (WIDTHS[-1],) * 2}
    for level, (before, here) in enumerate(zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)):
        for part, count in (("first", before), ("second", here)):
            shapes[f"down.{level}.{part}"] = (here, count, 3, 3)
        shapes[f"down.{level}.shortcut"] = (here, before)
    for level in range(len(WIDTHS) - 1):
        shapes[f"rise.{level}"] = (WIDTHS[level], WIDTHS[level + 1])
        for part in ("first", "second"):
            shapes[f"up.{level}.{part}"] = (WIDTHS[level],) * 2 + (3, 3)
        shapes[f"up.{level}.shortcut"] = (WIDTHS[level],) * 2
    weights = {f"{name}.weight": rng.normal(0, 0.4, shape) for name, shape in shapes.items()}
    weights |= {f"{name}.bias": rng.normal(0, 0.4, shape[0]) for name, shape in shapes.items()}
    return {name: value.astype(np.float32) for name, value in weights.items()}


class Literal:
    """The same network as loops over cells, in double precision."""

    def __init__(self, weights):
        self.weights = {name: value.astype(np.float64) for name, value in weights.items()}

    def convolve(self, x, name):
        kernel, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        kernel = kernel[..., np.newaxis, np.newaxis] if kernel.ndim == 2 else kernel
        _, height, width = x.shape
        half = kernel.shape[2] // 2
        out = np.empty((len(kernel), height, width))
        for y in range(height):
            for column in range(width):
                total = bias.copy()
                for j in range(-half, half + 1):
                    for i in range(-half, half + 1):
                        if 0 <= y + j < height and 0 <= column + i < width:
                            total += kernel[:, :, j + half, i + half] @ x[:, y + j, column + i]
                out[:, y, column] = total
        return out

    def pair(self, x, name):
        first = np.maximum(self.convolve(x, f"{name}.first"), 0)
        return self.convolve(x, f"{name}.shortcut") + np.maximum(self.convolve(first, f"{name}.second"), 0)

    @staticmethod
    def halve(x):
        return np.stack(
            [
                [[p[y : y + 2, c : c + 2].mean() for c in range(0, p.shape[1], 2)] for y in range(0, len(p), 2)]
                for p in x
            ]
        )

    @staticmethod
    def double(x):
        """Bilinear, middles of cells on middles of cells, held at the border."""
        _, height, width = x.shape
        out = np.empty((len(x), 2 * height, 2 * width))
        for y in range(2 * height):
            for c in range(2 * width):
                at_y, at_x = np.clip((y + 0.5) / 2 - 0.5, 0, height - 1), np.clip((c + 0.5) / 2 - 0.5, 0, width - 1)
                top, left = int(at_y), int(at_x)
                down, right = at_y - top, at_x - left
                below, beside = min(top + 1, height - 1), min(left + 1, width - 1)
                above = (1 - right) * x[:, top, left] + right * x[:, top, beside]
                under = (1 - right) * x[:, below, left] + right * x[:, below, beside]
                out[:, y, c] = (1 - down) * above + down * under
        return out

    def __call__(self, features, inside):
        w = self.weights
        x = np.concatenate([features * inside, inside[np.newaxis]])
        x = np.maximum(self.convolve(np.maximum(self.convolve(x, "squeeze.0"), 0), "squeeze.1"), 0)
        kept, share = [], inside[np.newaxis].astype(float)
        for level in range(4):
            if level:
                x, share = self.halve(x), self.halve(share)
            x = self.pair(x, f"down.{level}")
            kept.append(x)
        mean = (x * share).sum((1, 2)) / share.sum()
        mean = np.maximum(w["whole.0.weight"] @ mean + w["whole.0.bias"], 0)
        x = x + (w["whole.1.weight"] @ mean + w["whole.1.bias"])[:, np.newaxis, np.newaxis]
        for level in (2, 1, 0):
            x = self.pair(self.double(self.convolve(x, f"rise.{level}")) + kept[level], f"up.{level}")
        return self.convolve(x, "last")


def test_the_forward_pass_is_the_literal_one():
    weights = small_weights()
    features = np.random.default_rng(1).normal(0, 1, (4, 16, 24)).astype(np.float32)
    inside = np.ones((16, 24), np.float32)
    inside[13:], inside[:, 21:] = 0, 0
    np.testing.assert_allclose(forward(features, inside, weights), Literal(weights)(features, inside), atol=2e-4)


def test_a_picture_and_its_mirror_image_have_the_same_answer(tmp_path):
    networks = {"focus1": small_weights(1, outputs=1), "focus2": small_weights(4, outputs=1)}
    networks |= {name: small_weights(k, outputs=len(CENTERS)) for k, name in ((2, "radius1"), (3, "radius2"))}
    stored = {f"{name}.{layer}": value for name, weights in networks.items() for layer, value in weights.items()}
    stored |= {"features.mean": np.full(4, 0.3, np.float32), "features.deviation": np.full(4, 2.0, np.float32)}
    file = tmp_path / "weights.npz"
    np.savez(file, **stored)
    features = np.random.default_rng(2).normal(0, 1, (4, 13, 21)).astype(np.float32)
    log_odds, log_probability = learned_prior(features, file)
    assert log_odds.shape == (13, 21)
    assert log_probability.shape == (len(CENTERS), 13, 21)
    for found, turned in zip((log_odds, log_probability), learned_prior(features[:, :, ::-1], file), strict=True):
        np.testing.assert_allclose(turned[..., ::-1], found, atol=1e-5)
    # By hand: standardised, widened to multiples of eight, the mean with the mirror image
    scaled, inside = np.zeros((4, 16, 24)), np.zeros((16, 24))
    scaled[:, :13, :21], inside[:13, :21] = (features - 0.3) / 2, 1
    mirrored = np.zeros((4, 16, 24))
    mirrored[:, :13, :21] = scaled[:, :13, 20::-1]
    expected = {}
    for name, weights in networks.items():
        literal = Literal(weights)
        expected[name] = (literal(scaled, inside)[:, :13, :21] + literal(mirrored, inside)[:, :13, 20::-1]) / 2
    focus = (expected["focus1"][0] + expected["focus2"][0]) / 2
    np.testing.assert_allclose(log_odds, np.clip(focus, -8, 8), atol=2e-4)
    each = [np.exp(expected[name]) / np.exp(expected[name]).sum(axis=0) for name in ("radius1", "radius2")]
    geometric = np.sqrt(each[0] * each[1])
    np.testing.assert_allclose(np.exp(log_probability), geometric / geometric.sum(axis=0), atol=2e-4)


def test_a_radius_is_shared_by_the_two_centres_around_it():
    shares = radius_shares(np.array([0.0, 3.0, 8.0, 20.0]))
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert (np.count_nonzero(shares, axis=1) <= 2).all()
    np.testing.assert_allclose(shares @ CENTERS, [0, 3, 8, 8], atol=1e-5)


def test_kernels_are_stored_in_steps_of_each_output(tmp_path):
    file = tmp_path / "weights.npz"
    levels = np.arange(-6, 6, dtype=np.int8).reshape(2, 3, 2)
    np.savez(
        file,
        **{"focus1.last.weight": levels, "focus1.last.weight.step": np.array([0.5, 0.25], np.float32)},
        **{"focus1.last.bias": np.array([1.5, 2], np.float16)},
    )
    found = read_weights(file)
    assert list(found) == ["focus1"]
    assert list(found["focus1"]) == ["last.weight", "last.bias"]
    np.testing.assert_array_equal(found["focus1"]["last.weight"], np.stack([levels[0] * 0.5, levels[1] * 0.25]))
    np.testing.assert_array_equal(found["focus1"]["last.bias"], [1.5, 2])


def test_the_weights_are_those_of_the_features_and_small():
    weights = read_weights(TUNING.prior.path)
    assert weights["features"]["mean"].shape == weights["features"]["deviation"].shape == (COUNT,)
    for network, outputs in (("focus1", 1), ("focus2", 1), ("radius1", len(CENTERS)), ("radius2", len(CENTERS))):
        assert weights[network]["squeeze.0.weight"].shape[1] == COUNT + 1
        assert len(weights[network]["last.bias"]) == outputs
        assert all(np.isfinite(value).all() for value in weights[network].values())
    assert TUNING.prior.path.stat().st_size < 1_000_000
    assert weights["features"]["deviation"].min() > 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (8, 8)])
def test_any_size_will_do(shape):
    features = np.random.default_rng(3).normal(0, 1, (COUNT, *shape)).astype(np.float32)
    log_odds, log_probability = learned_prior(features, TUNING.prior.path)
    assert log_odds.shape == log_probability.shape[1:] == shape
    assert np.abs(log_odds).max() <= 8
    np.testing.assert_allclose(np.exp(log_probability).sum(axis=0), 1, atol=1e-4)
