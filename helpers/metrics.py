"""Scores. Where a well-kept library has one, notebooks use the library's."""

import numpy as np
import torch

from helpers import CourseError


def recall_at_k(scores, relevant, k=10):
    """Which share of what a query should find stands among the first k answers, on average over queries.

    Hits divided by the number of relevant items, for each query that has any; then the mean. Where scores tie at the
    k-th place, an item counts with the probability that a fair shuffle of the equal ones puts it among the first k.
    (torchmetrics' retrieval_recall leaves that to the sort, and passes over scores below 0.)

    Args:
        scores: tensor or array of numbers (queries, items); higher is better.
        relevant: tensor or array (queries, items), true where the item answers the query.
        k: how many answers one looks at.

    Returns:
        A float between 0 and 1. (With more than k relevant items for a query, 1 cannot be reached.)

    Raises:
        CourseError: shapes differ, a score is not a number, k is not 1, 2, 3 ..., or no query has a relevant item.
    """
    scores, relevant = torch.as_tensor(scores).cpu(), torch.as_tensor(relevant).cpu().bool()
    scores = scores if scores.is_floating_point() and scores.itemsize > 2 else scores.double()
    if scores.shape != relevant.shape or scores.ndim != 2:
        raise CourseError(
            f"recall_at_k takes two tables of one shape, not {tuple(scores.shape)} and {tuple(relevant.shape)}."
        )
    if not isinstance(k, int) or k < 1:
        raise CourseError(f"recall_at_k looks at the first k answers; k is {k}. Give 1 or more, a whole number.")
    if scores.isnan().any():
        raise CourseError("recall_at_k found a score that is not a number (NaN). Look at what made it.")
    has = relevant.any(1)
    if not has.any():
        raise CourseError("recall_at_k: not one query has a relevant item.")
    scores, relevant = scores[has], relevant[has]
    last_in = scores.topk(min(k, scores.shape[1]), dim=1).values[:, -1:]
    above, tied = scores > last_in, scores == last_in
    share = (k - above.sum(1, keepdim=True)).clamp(min=0) / tied.sum(1, keepdim=True)
    inside = (above & relevant).sum(1) + (tied & relevant).sum(1) * share[:, 0].double().clamp(max=1)
    return (inside / relevant.sum(1)).double().mean().item()


def frechet_distance(a, b):
    """How far two clouds of features lie apart, by their means and covariances. 0 for equal ones; lower is better.

    The squared Frechet distance of two normal distributions (Dowson and Landau 1982), as Heusel et al. 2017 compare
    generated with real pictures: |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)), A and B the covariances. The last
    trace is the sum of the singular values of a b^T, both centred: no square root of a matrix is needed.
    (torchmetrics' FrechetInceptionDistance takes pictures and a network, not features.)

    Args:
        a, b: tensors or arrays of numbers (pictures, features); the numbers of pictures may differ.

    Returns:
        A float. Few pictures make it too large: compare only distances of as many pictures, with the same features.

    Raises:
        CourseError: shapes do not fit, fewer than two pictures on a side, or a feature is not a finite number.
    """
    a, b = (torch.as_tensor(x).cpu().double().numpy(force=True) for x in (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise CourseError(
            "frechet_distance takes two tables (pictures, features) of equal features and at least 2 pictures, "
            f"not {a.shape} and {b.shape}."
        )
    if not all((np.abs(x) < 1e100).all() for x in (a, b)):  # squares of larger ones are infinite
        raise CourseError(
            "frechet_distance found a feature that is not a finite number, or far too large. Look at what made it."
        )
    centred = [(x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b)]
    mixed = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    spread = sum((x**2).sum() for x in centred)
    return float(max(0, ((a.mean(0) - b.mean(0)) ** 2).sum() + spread - 2 * mixed))
