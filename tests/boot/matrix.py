# SPDX-License-Identifier: Apache-2.0
"""Products of configurations, and a small part of a product in which every pair of values still meets."""

import itertools


def product(dimensions, allowed=lambda row: True):
    """All rows of {name: [values]} as dictionaries."""
    names = list(dimensions)
    rows = (dict(zip(names, values)) for values in itertools.product(*dimensions.values()))
    return [row for row in rows if allowed(row)]


def _pairs(row):
    return {frozenset([(a, row[a]), (b, row[b])]) for a, b in itertools.combinations(row, 2)}


def pairwise(dimensions, allowed=lambda row: True):
    """Rows such that each pair of values that some allowed row has is in one of them. Greedy, and the same every time."""
    rows = product(dimensions, allowed)
    wanted = set().union(*map(_pairs, rows)) if rows else set()
    chosen = []
    while wanted:
        best = max(rows, key=lambda row: len(_pairs(row) & wanted))
        chosen.append(best)
        wanted -= _pairs(best)
    return chosen


def name(row):
    """`qemu-7 4cpu x2apic ...`"""
    return " ".join(str(value) for value in row.values())
