"""Encoders by name, and the network that carries one with its projection and classification heads."""

from rankcon_cli.models.encoders import ENCODERS, encoder_for, load_torchvision_weights
from rankcon_cli.models.network import Network, Outputs
from rankcon_cli.models.norm import batch_norms

__all__ = ["ENCODERS", "Network", "Outputs", "batch_norms", "encoder_for", "load_torchvision_weights"]
