"""Head and tail in ONNX Runtime at every cut that can be chosen, beside whole models in what people deploy.

In one process, taking turns, on one core; processor seconds, so that a busy machine tells the same ratios. At each cut
also: what the profile predicts of head and tail, and how far the answers are from torch's, with both sides in ONNX
Runtime and with either side in torch.
"""

import random
import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles
from typing import Any

import numpy as np
import torch

import split_model
from bench.engines.cuts import ever_chosen
from bench.engines.report import report
from bench.engines.whole import Whole, has_openvino, wholes
from bench.live.model_files import KEPT
from bench.publishing.harness import Benchmark, Run, turns
from split_model.parts import parts_of_split
from split_model.values import Array

QUICK_MODELS = ("zoo:efficientnet_lite0", "torchvision:shufflenet_v2_x1_0")
FULL_MODELS = (
    "zoo:efficientnet_lite0",
    *(f"torchvision:{name}" for name in ("mobilenet_v3_large", "shufflenet_v2_x1_0", "googlenet", "swin_t")),
    *(f"torchvision:{name}" for name in ("densenet121", "resnet18", "resnet50")),
    "zoo:tiny_yolov2",
    "torchvision:alexnet",
)
# How many of the cuts, most often best first; how many others, at random; rounds of each.
QUICK, FULL = {"most": 8, "others": 2, "rounds": 5}, {"most": 100, "others": 10, "rounds": 15}
_WARMUP = 2

Row = dict[str, Any]
Seconds = dict[str, list[float]]


def in_turns(runs: Mapping[str, Callable[[], object]], rounds: int) -> Seconds:
    """Processor seconds of each, of all threads: a runtime may compute in threads of its own."""
    taken: Seconds = {name: [] for name in runs}
    for name, counts in turns(runs, rounds, warmup=_WARMUP, shuffled=True):
        began_s = time.process_time()
        runs[name]()
        taken[name] += [time.process_time() - began_s] if counts else []
    return taken


def ratio(numerators: list[float], denominators: list[float]) -> Row:
    """Ratios of two things that took turns: median and quartiles."""
    ratios = [one / other for one, other in zip(numerators, denominators, strict=True)]
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return {"median": median(ratios), "low": low, "high": high}


def deviation(found: list[Array], right: list[Array]) -> float:
    """The largest difference of any output, relative to its largest element."""
    pairs = ((one.astype(float), other.astype(float)) for one, other in zip(found, right, strict=True))
    return max(float(np.abs(one - other).max() / np.abs(other).max()) for one, other in pairs)


def outputs(head: split_model.Head, tail: split_model.Tail, inputs: tuple[Any, ...]) -> list[Array]:
    return list(tail.run(head.run(inputs)).values())


class Measured:
    """One model, loaded in both engines and elsewhere."""

    def __init__(self, spec: str, rounds: int) -> None:
        said: list[str] = []
        kept: Any = {"cache": KEPT, "threads": 1}
        auto = split_model.load(spec, engine="auto", on_step=said.append, **kept)
        self.model = auto if auto.engine.name == "onnx" else split_model.load(spec, engine="onnx", **kept)
        self.torch = split_model.load(spec, engine="torch", **kept)
        self.name, self._rounds = spec.partition(":")[2], rounds
        self.auto = {"engine": auto.engine.name, "why": said[-1].partition(": ")[2]}
        self._inputs = self.model.example_inputs
        self._wholes = wholes(spec, self.model.definition, self._inputs)
        self._eager = self._wholes["eager"]()

    def whole(self, model: split_model.Model) -> Whole:
        """The whole model in one part."""
        inputs = frozenset(layer.name for layer in model.graph.layers if not layer.inputs)
        model.engine.prepare(parts_of_split(model.definition, inputs))
        head, tail = model.split(inputs)
        return lambda: outputs(head, tail, self._inputs)

    def elsewhere(self) -> Row:
        """The whole model in everything, over the eager module."""
        taken = in_turns({**self._wholes, "torch": self.whole(self.torch)}, self._rounds)
        eager_s = taken.pop("eager")
        told = {name: ratio(seconds, eager_s) for name, seconds in taken.items()}
        return {"model": self.name, "eager_s": median(eager_s), **told, "auto": self.auto}

    def cut(self, edge: frozenset[str], profile: split_model.Profile, chosen: bool) -> Row:
        self.model.engine.prepare(parts_of_split(self.model.definition, edge))
        head, tail = self.model.split(edge)
        old_head, old_tail = self.torch.split(edge)
        values = head.run(self._inputs)
        runs = {
            "onnxruntime": self._wholes["onnxruntime"],
            "today": self.whole(self.torch),
            "whole": self.whole(self.model),
            "both": lambda: outputs(head, tail, self._inputs),
            "head": lambda: head.run(self._inputs),
            "tail": lambda: tail.run(values),
        }
        taken = in_turns(runs, self._rounds)
        on_edge = [seconds for layer, seconds in self._layers(profile) if layer in edge]
        mixed = [outputs(*sides, self._inputs) for sides in ((head, old_tail), (old_head, tail))]
        return {
            "model": self.name,
            "layers": len(edge),
            "of": len(self.model.graph),
            "chosen": chosen,
            "over_onnxruntime": ratio(taken["both"], taken["onnxruntime"]),
            "over_today": ratio(taken["both"], taken["today"]),
            "whole_s": median(taken["whole"]),
            "head_s": median(taken["head"]) if head.spec.computes else 0.0,
            "tail_s": median(taken["tail"]) if tail.spec.computes else 0.0,
            "head_profile_s": sum(on_edge),
            "whole_profile_s": profile.whole_s,
            "deviation": deviation(outputs(head, tail, self._inputs), self._eager),
            "mixed_deviation": max(deviation(found, self._eager) for found in mixed),
        }

    def _layers(self, profile: split_model.Profile) -> list[tuple[str, float]]:
        return [(layer.name, took) for layer, took in zip(self.model.graph.layers, profile.layer_s, strict=True)]


def beginnings(model: split_model.Model, count: int) -> list[frozenset[str]]:
    """Some splits of the order of the layers, at random: those that are never chosen must be predicted well, too."""
    names = [layer.name for layer in model.graph.layers]
    generator = random.Random(model.digest)  # noqa: S311  # a sample, no secret
    positions = generator.sample(range(1, len(names)), min(count, len(names) - 1))
    inputs = {layer.name for layer in model.graph.layers if not layer.inputs}
    return [frozenset({*inputs, *names[:position]}) for position in positions]


def measure_model(model: str, most: int, others: int, rounds: int) -> Row:
    measured = Measured(model, rounds)
    profile = split_model.profile(measured.model, anew=True)
    chosen = ever_chosen(measured.model, profile)
    cuts = [(edge, True) for edge in chosen[:most]]
    cuts += [(edge, False) for edge in beginnings(measured.model, others) if edge not in chosen]
    rows = [measured.cut(edge, profile, is_chosen) for edge, is_chosen in cuts]
    return {"whole": {**measured.elsewhere(), "ever_chosen": len(chosen)}, "cuts": rows}


def measure(run: Run) -> dict[str, Any]:
    torch.set_num_threads(1)
    split_model.keep_freed_memory()
    models, settings = (FULL_MODELS, FULL) if run.full else (QUICK_MODELS, QUICK)
    if not has_openvino():
        run.say("openvino is not installed, so it is left out: pip install openvino")
    found = run.cells([{"model": spec, **settings} for spec in models], measure_model)
    cuts = [cut for told in found for cut in told["cuts"]]
    return {**settings, "wholes": [told["whole"] for told in found], "cuts": cuts}


BENCHMARK = Benchmark(
    "engines", "Head and tail in ONNX Runtime against whole models elsewhere.", measure, report, full="all models"
)

if __name__ == "__main__":
    BENCHMARK.main()
