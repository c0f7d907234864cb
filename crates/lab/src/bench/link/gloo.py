"""What a user would otherwise pick: torch.distributed's all-reduce over Gloo of one vector.

    gloo.py RANK WORLD ADDRESS VALUES ROUNDS

Rank 0 prints a JSON line per round: seconds from "ready on all" to "reduced here"; the slowest rank's counts.
"""

import json
import os
import sys
import time

import torch
import torch.distributed as dist


def main():
    rank, world, address, values, rounds = (
        int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    os.environ.update(MASTER_ADDR=address, MASTER_PORT="29500", GLOO_SOCKET_IFNAME="line")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=world)
    vector = torch.randn(values)
    for number in range(rounds):
        dist.barrier()
        before, sent = time.monotonic(), bytes_out()
        dist.all_reduce(vector)
        took = torch.tensor([time.monotonic() - before])
        sent = bytes_out() - sent
        dist.all_reduce(took, op=dist.ReduceOp.MAX)
        vector /= world
        if rank == 0:
            print(json.dumps({"round": number, "total_s": took.item(), "bytes_out": sent}), flush=True)
    dist.destroy_process_group()


def bytes_out():
    with open("/sys/class/net/line/statistics/tx_bytes") as file:
        return int(file.read())


main()
