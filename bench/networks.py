# SPDX-License-Identifier: Apache-2.0
"""Networks to measure: the standard workloads, and random ones by seed.

A network is a dict of layers (inputs first), batch_size, activation, loss, optimizer, momentum, nesterov."""
import math
import random

STANDARD = {  # name: layers, batch, loss, optimizer
    "tiny": ("8,16,1", 32, "squared_error", "sgd"),
    "small": ("32,64,64,1", 256, "squared_error", "adam"),
    "fashion": ("784,512,10", 128, "cross_entropy", "sgd"),
    "deep": ("784,1024,1024,1024,10", 512, "cross_entropy", "adam"),
    "wide": ("2048,2048,2048,2048,2048", 1024, "squared_error", "sgd"),
    "batch": ("64,128,128,8", 16384, "squared_error", "sgd"),
}
ACTIVATIONS = ["relu", "leaky_relu", "sigmoid", "tanh", "identity"]
LOSSES = ["squared_error", "cross_entropy", "binary_cross_entropy"]
OPTIMIZERS = [("sgd", 0.0, False), ("sgd", 0.9, False), ("sgd", 0.9, True), ("adam", 0.0, False), ("adamw", 0.0, False)]


def standard(name):
    layers, batch, loss, optimizer = STANDARD[name]
    return {"layers": [int(v) for v in layers.split(",")], "batch_size": batch, "activation": "relu", "loss": loss,
            "optimizer": optimizer, "momentum": 0.0, "nesterov": False}


def operations(network):
    """Floating-point operations of a step: m (6 P - 2 n0 n1)."""
    pairs = [k * n for k, n in zip(network["layers"], network["layers"][1:])]
    return network["batch_size"] * (6 * sum(pairs) - 2 * pairs[0])


def log_uniform(source, most):
    return min(most, int(math.exp(source.uniform(0, math.log(most + 1)))))


def draw(source):
    layers = [log_uniform(source, 3000) for _ in range(source.randint(1, 6) + 1)]
    optimizer, momentum, nesterov = source.choice(OPTIMIZERS)
    loss = source.choice(LOSSES if layers[-1] > 1 else [l for l in LOSSES if l != "cross_entropy"])
    activation = source.choice(ACTIVATIONS) if len(layers) > 2 else "identity"
    return {"layers": layers, "batch_size": log_uniform(source, 16384), "activation": activation, "loss": loss,
            "optimizer": optimizer, "momentum": momentum, "nesterov": nesterov}


def fits(network, most_operations):
    widest = max(network["layers"])
    return operations(network) <= most_operations and network["batch_size"] * widest <= 1 << 24


def random_networks(count, seed, most_operations):
    """Depth 1 to 6, widths 1 to 3000 and batches 1 to 16384, both evenly on a scale of logarithms; what is too much work is drawn
    again."""
    source, found = random.Random(seed), []
    while len(found) < count:
        network = draw(source)
        if fits(network, most_operations):
            found.append(network)
    return found


def title(network):
    optimizer = network["optimizer"] + (" nesterov" if network["nesterov"] else " momentum" if network["momentum"] else "")
    short = {"squared_error": "sq", "cross_entropy": "ce", "binary_cross_entropy": "bce"}[network["loss"]]
    return f"{'-'.join(map(str, network['layers']))} m {network['batch_size']} {network['activation']} {short} {optimizer}"


def arguments(network):
    """Of `backprop bench`. The rate is so small that no random network diverges."""
    words = ["--layers", ",".join(map(str, network["layers"])), "--batch-size", str(network["batch_size"]),
             "--loss", network["loss"], "--optimizer", network["optimizer"], "--learning-rate", "1e-6"]
    if len(network["layers"]) > 2:
        words += ["--activation", network["activation"]]
    if network["momentum"]:
        words += ["--momentum", str(network["momentum"])]
    return words + (["--nesterov"] if network["nesterov"] else [])
