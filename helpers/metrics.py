"""Scores. Where a well-kept library has one, notebooks use the library's."""

import torch

from helpers import CourseError


def recall_at_k(scores, relevant, k=10):
    """Which share of what a query should find stands among the first k answers, on average over queries.

    Hits divided by the number of relevant items, for each query that has any; then the mean. Where scores tie at the
    k-th place, an item counts with the probability that a fair shuffle of the equal ones puts it among the first k.

    Args:
        scores: float tensor (queries, items); higher is better.
        relevant: tensor (queries, items), true where the item answers the query.
        k: how many answers one looks at.

    Returns:
        A float between 0 and 1. (With more than k relevant items for a query, 1 cannot be reached.)

    Raises:
        CourseError: shapes differ, a score is not a number, k is below 1, or no query has a relevant item.
    """
    relevant = relevant.bool()
    if scores.shape != relevant.shape or scores.ndim != 2:
        raise CourseError(
            f"recall_at_k takes two tables of one shape, not {tuple(scores.shape)} and {tuple(relevant.shape)}."
        )
    if k < 1:
        raise CourseError(f"recall_at_k looks at the first k answers; k is {k}. Give 1 or more.")
    if scores.isnan().any():
        raise CourseError(
            "recall_at_k found a score that is not a number (NaN). Look at the cell that makes the scores."
        )
    has = relevant.any(1)
    if not has.any():
        raise CourseError("recall_at_k: not one query has a relevant item.")
    scores, relevant = scores[has], relevant[has]
    last_in = scores.topk(min(k, scores.shape[1]), dim=1).values[:, -1:]
    above, tied = scores > last_in, scores == last_in
    share = (k - above.sum(1, keepdim=True)).clamp(min=0) / tied.sum(1, keepdim=True)
    inside = (above & relevant).sum(1) + (tied & relevant).sum(1) * share[:, 0].double().clamp(max=1)
    return (inside / relevant.sum(1)).double().mean().item()


def median_rank(scores, relevant):
    """At which place the best-ranked right answer stands, for the median query. 1 is the best.

    Equal scores are taken in a fairly shuffled order: of t equal ones, r of them right, the first right one stands at
    place (t + 1) / (r + 1) on average. For an even number of queries, the median is the mean of the middle two.

    Args:
        scores: float tensor (queries, items); higher is better.
        relevant: tensor (queries, items), true where the item answers the query. Queries without any are left out.

    Returns:
        A float, 1 or more.
    """
    relevant = relevant.bool()
    has = relevant.any(1)
    if not has.any():
        raise CourseError("median_rank: not one query has a relevant item.")
    scores, relevant = scores[has], relevant[has]
    best = scores.masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)
    tied = scores == best
    rank = (scores > best).sum(1) + (tied.sum(1) + 1) / ((tied & relevant).sum(1) + 1)
    return rank.double().quantile(0.5).item()
