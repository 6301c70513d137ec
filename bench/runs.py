# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: starting a program that prints JSON lines, keeping the lines, ratios of samples taken in turns."""
import json
import statistics
import subprocess
import sys


def lines_of(command, timeout=600):
    """The JSON objects that a program prints, one a line."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not found:
        print(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}", file=sys.stderr)
    return found


def bench(options, words, threads, seconds):
    """`backprop bench`: a dict from what was asked for, "1" or "auto", to its line. A failure ends the run: it is ours."""
    command = [options.program, "bench", "--json", *words, "--threads", threads, "--seconds", str(seconds)]
    found = {line["threads_asked"]: line for line in lines_of(command)}
    if not found:
        sys.exit("backprop bench failed")
    return found


def machine(options):
    """The machine's fingerprint."""
    return bench(options, ["--layers", "1,1"], "1", 0.001)["1"]["machine"]


def paired(left, right):
    """Median of left / right over rounds that took turns, so that the machine's drift cancels."""
    return statistics.median(a / b for a, b in zip(left["samples"], right["samples"]))


def readable(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


class Output:
    """JSON lines to a file, or nowhere."""

    def __init__(self, path):
        self.file = open(path, "w") if path else None

    def write(self, line):
        if self.file:
            print(json.dumps(line), file=self.file, flush=True)
