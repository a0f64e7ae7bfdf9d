"""Served models as the messages of ListModels and GetProfile."""

from collections.abc import Iterable

import split_model
from cloud_service.registry import ServedModel
from split_wire import DTYPES, split_pb2
from split_wire.encodings import WIRE


def model_info(served: ServedModel) -> split_pb2.ModelInfo:
    """Return one model's entry in ListModels."""
    model = served.model
    return split_pb2.ModelInfo(
        name=model.name,
        digest=model.digest,
        layers=[layer.name for layer in model.graph.layers],
        inputs=_specs(model.inputs),
        outputs=_specs(model.outputs),
        torch_version=model.torch_version,
        engine=model.engine.name,
    )


def profile_response(
    served: ServedModel, load_factor: float, *, pictures: str = "", replica: str = ""
) -> split_pb2.GetProfileResponse:
    """Return the response to GetProfile for one model; `pictures` says what decodes packets for it."""
    model = served.model
    return split_pb2.GetProfileResponse(
        model=model.name,
        digest=model.digest,
        layers=[layer.name for layer in model.graph.layers],
        layer_s=served.profile.layer_s,
        whole_s=served.profile.whole_s,
        load_factor=load_factor,
        device=model.device,
        encodings=[
            split_pb2.EncodingProfile(encoding=WIRE[encoding], decode_s=decode_s)
            for encoding, decode_s in served.decode_s.items()
        ],
        pictures=pictures,
        engine=model.engine.name,
        replica=replica,
    )


def _specs(values: Iterable[split_model.ValueSpec]) -> list[split_pb2.TensorSpec]:
    return [_spec(value) for value in values]


def _spec(value: split_model.ValueSpec) -> split_pb2.TensorSpec:
    """Describe a tensor as it is sent."""
    sent = split_model.TensorSpec(value.dtype, value.shape).sent
    return split_pb2.TensorSpec(
        path=value.path,
        layer=value.layer or "",
        dtype=DTYPES.get(sent.dtype, split_pb2.DATA_TYPE_UNSPECIFIED),
        shape=[-1 if size is None else size for size in sent.shape],
    )
