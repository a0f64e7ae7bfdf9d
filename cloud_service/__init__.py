"""The cloud side: a gRPC server that runs the rest of a model from the tensors an edge sends."""

from cloud_service.config import CloudConfig
from cloud_service.errors import BindError, CloudError, ConfigurationError
from cloud_service.server import CloudServer

__all__ = ["BindError", "CloudConfig", "CloudError", "CloudServer", "ConfigurationError"]
