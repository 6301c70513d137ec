# SPDX-License-Identifier: Apache-2.0
"""Reading a CSV file of numbers beside pandas' C reader and polars: each in a process of its own, in turns, on the same file,
which stays in the page cache. Seconds are those of the call that reads, so that nobody pays for starting; peak memory is what the
process had at most above what it had before the call, over the bytes of the columns as backprop holds them."""
import json
import os
import statistics
import subprocess
import sys
import tempfile

import runs

KINDS = ["short", "long", "whole"]  # -12.3456, 0.84442185152504812, 4711
MEGABYTES, COLUMNS, ROUNDS = 500, 10, 3

PEER = r"""
import json, re, sys, time
name, path = sys.argv[1:]
if name == "pandas":
    import pandas
    read = lambda: pandas.read_csv(path, engine="c")
else:
    import polars
    read = lambda: polars.read_csv(path)
peak = lambda: 1024 * int(re.search(r'VmHWM:\s*(\d+)', open('/proc/self/status').read())[1])
before, began = peak(), time.perf_counter()
table = read()
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "peak_bytes": peak() - before, "rows": len(table)}))
"""


def installed(python):
    """Those of the peers that this Python has."""
    return [name for name in ("pandas", "polars") if subprocess.run([python, "-c", f"import {name}"], capture_output=True).returncode == 0]


def ask(options, program, name, path, threads):
    if name == "backprop":
        return runs.lines_of([program, path, str(threads)])[0]
    environment = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
    done = subprocess.run([options.python, "-c", PEER, name, path], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(options, program, names, path, threads):
    """By name: median seconds, samples, most memory."""
    answers = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            answers[name].append(ask(options, program, name, path, threads))
    return {name: {"samples": [a["seconds"] for a in list_], "seconds": statistics.median(a["seconds"] for a in list_),
                   "peak_bytes": max(a["peak_bytes"] for a in list_), **{k: list_[0][k] for k in ("data_bytes", "rows") if k in list_[0]}}
            for name, list_ in answers.items()}


def show(kind, threads, size, results):
    data = results["backprop"]["data_bytes"]
    for name, r in results.items():
        ratio = runs.paired(r, results["backprop"])
        print(f"{kind:6} {threads:>7} {name:9} {r['seconds']:8.3f} {size / r['seconds'] / 1e6:8.0f} {ratio:8.2f} {r['peak_bytes'] / 1e6:8.0f} "
              f"{r['peak_bytes'] / data:6.2f}", flush=True)


def run(options, output):
    program = os.path.join(os.path.dirname(options.program), "bench_read")
    if not os.path.exists(program):
        sys.exit(f"{program} is missing: cmake -B build -DBP_BENCH=ON && cmake --build build")
    names = ["backprop"] + installed(options.python)
    megabytes, machine = options.count or MEGABYTES, runs.machine(options)
    print(f"{'kind':6} {'threads':>7} {'reader':9} {'seconds':>8} {'MB/s':>8} {'times':>8} {'peak MB':>8} {'x data':>6}")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "numbers.csv")
        for kind in KINDS:
            subprocess.run([program, "--write", path, str(megabytes), str(options.columns), kind], check=True)
            for threads in sorted({1, options.threads}):
                results = measure(options, program, names, path, threads)
                show(kind, threads, os.path.getsize(path), results)
                for name, result in results.items():
                    output.write({"benchmark": "read", "kind": kind, "threads": threads, "reader": name, "columns": options.columns,
                                  "bytes": os.path.getsize(path), **result, "machine": machine})
    return 0
