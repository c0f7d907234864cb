"""Grows tying trees as Kaldi does, over its likelihoods (package kaldi-hmm-gmm), and prints their gains.

The package has Kaldi's `GaussClusterable`, by which Kaldi's `build-tree` measures likelihoods, but not `build-tree` itself. So this is
Kaldi's recipe, written down once more: questions by splitting the set of phones from the top down (`cluster-phones`, two means and
moving single phones), then the split with the largest gain first.

Arguments: a file of statistics as `stentor_senones::judge_file` writes it, the variance floor, the minimum count, numbers of leaves.
Prints the likelihood of all roots, then the total gain at each number of leaves.
"""

import heapq, struct, sys
import numpy as np
from kaldi_hmm_gmm import GaussClusterable

path, floor, minimum_count, *leaves = sys.argv[1:]
floor, minimum_count, leaves = float(floor), float(minimum_count), [int(n) for n in leaves]
data = open(path, "rb").read()
phones, states, dimension, count = struct.unpack_from("<4I", data)
record = np.dtype([("left", "<u4"), ("centre", "<u4"), ("right", "<u4"), ("state", "<u4"), ("values", "<f8", 1 + 2 * dimension)])
seen = np.frombuffer(data, dtype=record, count=count, offset=16)

def likelihood(values):
    if values[0] <= 0:
        return 0.0
    return GaussClusterable(values[1:1 + dimension], values[1 + dimension:], floor, values[0]).objf()

def halves(points, members):
    """Two means, then single points move while that gains."""
    side = np.arange(len(members)) % 2
    values = points[members]
    for _ in range(20):
        moved = False
        for i in range(len(members)):
            sums = [values[side == s].sum(0) for s in (0, 1)]
            here, there = side[i], 1 - side[i]
            if (side == here).sum() == 1:
                continue
            before = likelihood(sums[here]) + likelihood(sums[there])
            if likelihood(sums[here] - values[i]) + likelihood(sums[there] + values[i]) > before + 1e-9:
                side[i], moved = there, True
        if not moved:
            break
    return [members[side == s] for s in (0, 1)]

# Questions: all clusters of phones by the frames of each state, from the top down, and single phones.
questions = {(phone,) for phone in range(phones)}
for state in range(states):
    points = np.stack([seen["values"][(seen["centre"] == p) & (seen["state"] == state)].sum(0) for p in range(phones)])
    open_sets = [np.flatnonzero(points[:, 0] > 0)]
    while open_sets:
        members = open_sets.pop()
        if len(members) < phones:
            questions.add(tuple(members))
        if len(members) > 1:
            open_sets += halves(points, members)
masks = np.zeros((len(questions), phones))
for row, question in zip(masks, sorted(questions)):
    row[list(question)] = 1

def best(rows):
    """The gain of the best question about either neighbour, and the rows of both answers."""
    values = seen["values"][rows]
    whole = values.sum(0)
    found = (0.0, None, None)
    if whole[0] < 2 * minimum_count:
        return found
    all_of_it = likelihood(whole)
    for side in ("left", "right"):
        neighbours = seen[side][rows]
        sums = np.zeros((phones, values.shape[1]))
        np.add.at(sums, neighbours, values)
        for mask, yes in zip(masks, masks @ sums):
            no = whole - yes
            if min(yes[0], no[0]) < max(minimum_count, 0.5):
                continue
            gain = likelihood(yes) + likelihood(no) - all_of_it
            if gain > found[0]:
                answers = mask[neighbours] == 1
                found = (gain, rows[answers], rows[~answers])
    return found

# A state without frames has no root of its own.
of_phone = [np.unique(seen["state"][seen["centre"] == phone]).size for phone in range(phones)]
heap, number, roots, total = [], 0, sum(max(1, states) for states in of_phone), 0.0
likelihood_of_roots = 0.0
for phone in range(phones):
    for state in range(states):
        rows = np.flatnonzero((seen["centre"] == phone) & (seen["state"] == state))
        if len(rows):
            likelihood_of_roots += likelihood(seen["values"][rows].sum(0))
            if phone > 0:
                gain, yes, no = best(rows)
                heapq.heappush(heap, (-gain, number, yes, no))
                number += 1
print(repr(likelihood_of_roots))
grown = roots
for target in leaves:
    while grown < target and heap and heap[0][0] < 0:
        gain, _, yes, no = heapq.heappop(heap)
        total -= gain
        grown += 1
        for rows in (yes, no):
            gain, *answers = best(rows)
            heapq.heappush(heap, (-gain, number, *answers))
            number += 1
    print(repr(total))
