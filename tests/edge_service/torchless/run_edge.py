"""Imports every module of the edge, and runs frames in each way that they can take; says what is done."""

import asyncio
import importlib
import pkgutil

import numpy as np
from numpy_cloud import NumpyCloud
from numpy_engine import numpy_model, picture
from PIL import Image

import edge_service
from edge_service import Agent, AgentConfig, Verifier, measure_wire_costs
from edge_service.control.policies import Given
from edge_service.frame_image import FrameImage
from edge_service.sources.shots import ShotToDecode
from pictures import Picture, Preprocess


def main() -> None:
    for module in pkgutil.walk_packages(edge_service.__path__, "edge_service."):
        importlib.import_module(module.name)
    print("imported")
    asyncio.run(run_frames(numpy_model()))
    config = AgentConfig(max_error=0.5, input_encoding="jpeg")
    costs = measure_wire_costs(numpy_model(), [(picture(3),)], config)
    assert {"raw", "int8"} <= {encoding.name for encoding in costs.encodings}
    print("measured")


async def run_frames(model) -> None:
    config = AgentConfig(keep_inputs=True)
    async with Agent(model, None, config) as agent:
        check(model, await agent.submit(picture(1)), "edge_only", picture(1))
        print("edge-only")
        image = FrameImage(ShotToDecode(shown, "a.png"), Preprocess(), 8, 8)
        check(model, await agent.submit(image), "edge_only", image.array())
        print("picture")
    names = [layer.name for layer in model.graph.layers]
    for refuses, outcome, said in ((False, "offloaded", "sent"), (True, "local_fallback", "refused")):
        for count in range(1, len(names)):
            cloud, policy = NumpyCloud(model, refuses=refuses), Given(frozenset(names[:count]))
            async with Agent(model, cloud, config, policy=policy) as agent:
                check(model, await agent.submit(picture(count)), outcome, picture(count))
        print(said)


def shown() -> Picture:
    return Picture(Image.fromarray(picture(7)[0].transpose(1, 2, 0).copy()))


def check(model, result, outcome, inputs) -> None:
    assert result.outcome.value == outcome, (result.outcome, result.error)
    assert isinstance(result.outputs["scores"], np.ndarray)
    assert list(result.outputs) == ["scores", "parts"]
    np.testing.assert_allclose(result.outputs["scores"], model(inputs)["scores"], rtol=1e-5)
    verifier = Verifier(model)
    verifier.add(result)
    found = verifier.outcome()
    assert (found.checked, found.different) == (1, 0), found
