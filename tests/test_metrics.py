"""Scores: which one, by what the labels are; and their values."""

from __future__ import annotations

import numpy as np
import pytest

from qcompile.errors import CompileError
from qcompile.metrics import auc, chosen, score

INPUTS = np.zeros((4, 8))
OUTPUTS = np.array([[1, 3, 2], [5, 0, 0], [1, 1, 0], [0, 0, 9]])


def test_classes_give_top_1_and_the_first_of_equals_counts() -> None:
    assert score(OUTPUTS, np.array([1, 0, 0, 1]), INPUTS) == "top-1 0.7500 (3 of 4)"


def test_one_hot_labels_are_classes() -> None:
    assert score(OUTPUTS, np.eye(3)[[1, 0, 1, 2]], INPUTS) == "top-1 0.7500 (3 of 4)"


def test_targets_give_the_mean_squared_error() -> None:
    assert score(OUTPUTS, OUTPUTS + 2.0, INPUTS) == "MSE 4"
    assert score(OUTPUTS[:, :1], OUTPUTS[:, :1] + 3, INPUTS) == "MSE 9"


def test_one_score_and_binary_labels_give_the_auc() -> None:
    scores, labels = np.array([[0.1], [0.4], [0.4], [0.9]]), np.array([0, 0, 1, 1])
    assert score(scores, labels, INPUTS) == "AUC 0.8750"
    brute = np.mean([(a > b) + (a == b) / 2 for a in (0.4, 0.9) for b in (0.1, 0.4)])
    assert auc(scores[:, 0], labels) == brute


def test_an_autoencoder_is_judged_by_its_error() -> None:
    found = np.arange(32).reshape(4, 8) // 8
    assert score(found, np.array([0, 0, 1, 1]), INPUTS) == "AUC 1.0000 of the reconstruction error"


def test_labels_that_do_not_fit() -> None:
    with pytest.raises(CompileError, match="do not fit outputs"):
        score(OUTPUTS, np.zeros((4, 2)), INPUTS)
    with pytest.raises(CompileError, match="2 arrays hold 4 labels"):
        chosen({"a": np.zeros(4), "b": np.zeros(4)}, 4)
    assert chosen({"a": np.zeros(4), "labels": np.ones(4)}, 4).sum() == 4
