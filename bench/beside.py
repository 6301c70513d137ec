# SPDX-License-Identifier: Apache-2.0
"""Random networks beside other trainers: each peer is one process that stays, everybody takes turns on every network.

backprop runs as users get it (--threads auto). jax and torch are asked with one thread, too (jax-1, torch-1), where a step is so
short that one thread may be the faster way for them. torch-compile, which compiles for seconds, is asked only where plain torch
takes less than COMPILED times the best: what it gains is fused activations and calls."""
import json
import select
import statistics
import subprocess

import networks
import peers
import runs

MOST_OPERATIONS = 2e10  # of a step: some 0.1 s
ALONE = ["jax", "torch"]
SHORT = 2e8             # operations of a step that one thread may do faster than two
COMPILED = 2.5
ROUNDS = 2
TRIES = 3               # of a network where a peer is faster
PATIENCE = 240          # seconds for an answer, compilation included


class Peer:
    """A peer's process; started when it is first asked, and again after a silence."""

    def __init__(self, options, name, threads):
        self.name, self.threads, self.process = name, threads, None
        self.command = [options.python, peers.__file__, "--serve", name, "--threads", str(threads)]
        self.key = name if threads > 1 else f"{name}-1"

    def start(self):
        self.process = subprocess.Popen(self.command, env=peers.environment(self.threads), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def ask(self, network, seconds):
        """Seconds of a step, median and least; None where it cannot tell."""
        if not self.process:
            self.start()
        try:
            print(json.dumps({**network, "seconds": seconds}), file=self.process.stdin, flush=True)
            ready = select.select([self.process.stdout], [], [], PATIENCE)[0]
            line = json.loads(self.process.stdout.readline()) if ready else {}
        except (OSError, ValueError):
            line = {}
        if not line:
            self.stop()
        return (line["step_seconds_median"], line["step_seconds_min"]) if "step_seconds_min" in line else None


def make_peers(options):
    names = options.peers.split(",")
    found = [Peer(options, name, options.threads) for name in names]
    return found + [Peer(options, name, 1) for name in ALONE if name in names and options.threads > 1]


def asked(peer, network, times):
    if peer.key != peer.name:
        return networks.operations(network) <= SHORT
    if peer.name == "torch-compile" and times:
        return times.get("torch", (float("inf"),))[0] <= COMPILED * min(times.values())[0]
    return True


def own(options, network):
    return runs.bench(options, networks.arguments(network), "auto", options.seconds)["auto"]


def one_round(options, everybody, network, others):
    """backprop, then each peer; `others` tells who has been asked in an earlier round and could answer."""
    line = own(options, network)
    times = {}
    for peer in everybody:
        if others is None and not asked(peer, network, {**times, "backprop": (line["step_seconds_median"],)}):
            continue
        if others is None or peer.key in others:
            found = peer.ask(network, options.seconds)
            if found:
                times[peer.key] = found
    return line, times


def measure(options, everybody, network):
    rounds = [one_round(options, everybody, network, None)]
    while len(rounds) < ROUNDS:
        rounds.append(one_round(options, everybody, network, rounds[0][1]))
    return rounds


def ratio(rounds):
    """Best peer over backprop: the median over rounds of each round's."""
    return statistics.median(min(times.values())[0] / line["step_seconds_median"] for line, times in rounds if times)


def ratio_of_least(rounds):
    """The same of the fastest block that each had in any round: what a busy machine disturbs least."""
    return min(t[1] for _, times in rounds for t in times.values()) / min(line["step_seconds_min"] for line, _ in rounds)


def judge(options, everybody, network):
    """Rounds of a network; where a peer is faster, more of them, since a busy machine is the usual reason."""
    rounds, tries = measure(options, everybody, network), 1
    while any(times for _, times in rounds) and ratio(rounds) < 1 and tries < TRIES:
        rounds += [one_round(options, everybody, network, rounds[0][1]) for _ in range(ROUNDS)]
        tries += 1
    return rounds


def line_of(network, rounds):
    names = sorted({name for _, times in rounds for name in times})
    line = rounds[-1][0]
    return {"benchmark": "peers", **network, "threads": line["threads"], "samples": [l["step_seconds_median"] for l, _ in rounds],
            "peers": {n: statistics.median(times[n][0] for _, times in rounds if n in times) for n in names},
            "ratio_to_best_peer": ratio(rounds) if names else None, "ratio_of_least": ratio_of_least(rounds) if names else None,
            "gflops": line["gflops"], "fraction_of_peak": line["fraction_of_peak"], "machine": line["machine"]}


def show(result):
    ranking = sorted(result["peers"].items(), key=lambda pair: pair[1])
    others = ", ".join(f"{name} {runs.readable(seconds)}" for name, seconds in ranking)
    ours = runs.readable(statistics.median(result["samples"]))
    ratios = f"{result['ratio_to_best_peer'] or 0:6.2f} {result['ratio_of_least'] or 0:6.2f}"
    print(f"{ratios} {ours:>8} {result['threads']:>3} {result['fraction_of_peak']:5.2f}  {networks.title(result)} | {others}", flush=True)


def run(options, output):
    everybody, results = make_peers(options), []
    print(" ratio  least backprop thr  peak  network | peers, the best first")
    for network in networks.random_networks(options.count or 100, options.seed, MOST_OPERATIONS):
        results.append(line_of(network, judge(options, everybody, network)))
        show(results[-1])
        output.write(results[-1])
    for peer in everybody:
        peer.stop()
    compared = [r for r in results if r["ratio_to_best_peer"]]
    slower = sorted((r for r in compared if r["ratio_to_best_peer"] < 1), key=lambda r: r["ratio_to_best_peer"])
    print(f"{len(compared)} networks beside a peer, slower than the best one: {len(slower)}")
    for result in slower:
        show(result)
    return 1 if slower else 0
