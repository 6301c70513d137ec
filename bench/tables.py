# SPDX-License-Identifier: Apache-2.0
"""Benchmarks that need no peers: kernels, blocks of bf16, data path, phases of a step, scaling by threads."""
import os
import sys

import networks
import runs

PHASES = ["gather", "forward", "loss", "backward", "gradient", "wait"]


def program_lines(options, output, name):
    """Lines of a program of bench/, which is built with -DBP_BENCH=ON beside backprop; the machine is added."""
    path = os.path.join(os.path.dirname(options.program), f"bench_{name}")
    if not os.path.exists(path):
        sys.exit(f"{path} is missing: cmake -B build -DBP_BENCH=ON && cmake --build build")
    machine = runs.machine(options)
    for line in runs.lines_of([path]):
        output.write({**line, "machine": machine})
        yield line


def kernels(options, output):
    print(f"{'kernel':17} {'m':>5} {'k':>5} {'n':>5} {'table':7} {'rate':>13}  of hot peak")
    for line in program_lines(options, output, "kernels"):
        shape = " ".join(f"{line[key] or '':>5}" for key in "mkn")
        unit = "GF/s" if line["unit"] == "flop" else "G/s"
        share = f"{line['fraction_of_peak']:9.2f}" if "fraction_of_peak" in line else ""
        print(f"{line['kernel']:17} {shape} {line['isa']:7} {line['per_second'] / 1e9:8.2f} {unit:4} {share}", flush=True)


def blocks(options, output):
    print(f"{'kernel':17} {'terms':>5} {'count':>5} {'table':7} {'rate':>13}  of hot peak")
    for line in program_lines(options, output, "blocks"):
        unit = "GF/s" if line["unit"] == "flop" else "G/s"
        share = f"{line['fraction_of_peak']:9.2f}" if "fraction_of_peak" in line else ""
        chain = f"{line['terms']:5} {line['count'] or '':>5}"
        print(f"{line['kernel']:17} {chain} {line['isa']:7} {line['per_second'] / 1e9:8.2f} {unit:4} {share}", flush=True)


def data(options, output):
    for line in program_lines(options, output, "data"):
        rate = f"{line['per_second'] / 1e6:9.1f} {'MB/s' if line['unit'] == 'byte' else 'million rows/s'}"
        print(f"{line['what']:25} {rate}", flush=True)


def steps_of(options, network, threads):
    return runs.bench(options, networks.arguments(network), threads, options.seconds)


def phases(options, output):
    """Microseconds of a step's phases on the caller's thread, with clocks inside the step, and what the rest of the step takes."""
    print(f"{'':8} {'threads':>7} {'step us':>10} " + " ".join(f"{name:>9}" for name in PHASES) + f" {'order':>9} {'of peak':>7}")
    for name in networks.STANDARD:
        for line in steps_of(options, networks.standard(name), "1,auto").values():
            output.write(line)
            parts = [line["phase_seconds"][phase] for phase in PHASES] + [line["order_seconds"]]
            cells = " ".join(f"{1e6 * part:9.4g}" for part in parts)
            print(f"{name:8} {line['threads']:7} {1e6 * line['step_seconds_median']:10.5g} {cells} {line['fraction_of_peak']:7.2f}",
                  flush=True)


def counts(most):
    """1, 2, 4, ... and all."""
    found = [1 << i for i in range(most.bit_length()) if 1 << i <= most]
    return found if found[-1] == most else found + [most]


def scaling(options, output):
    print(f"{'':8} {'threads':>7} {'step us':>10} {'speed-up':>9} {'GF/s':>8} {'of peak':>7}")
    for name in networks.STANDARD:
        lines = steps_of(options, networks.standard(name), ",".join(map(str, counts(options.threads))) + ",auto")
        for asked, line in lines.items():
            output.write(line)
            label = f"auto={line['threads']}" if asked == "auto" else asked
            print(f"{name:8} {label:>7} {1e6 * line['step_seconds_median']:10.5g} {1 / runs.paired(line, lines['1']):9.2f} "
                  f"{line['gflops']:8.1f} {line['fraction_of_peak']:7.2f}", flush=True)
