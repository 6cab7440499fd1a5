"""The network as evaluators run it: 0/1 planes in, probabilities and the mover's value out."""

from __future__ import annotations

from torch import Tensor, nn

from lzeval.network.network import LeelaNetwork


class InferenceGraph(nn.Module):
    """A LeelaNetwork with its batch normalisations folded into the convolutions."""

    def __init__(self, network: LeelaNetwork) -> None:
        super().__init__()
        self.network = folded(network)
        self.value_is_blacks = network.value_is_blacks

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 18, S, S]` floats to probabilities `[B, S*S + 1]` and values `[B]` for the side to move."""
        output = self.network(planes)
        value = output.value
        if self.value_is_blacks:
            value = value * (planes[:, 16, 0, 0] - planes[:, 17, 0, 0])
        return output.policy_logits.softmax(1), value


def folded(network: LeelaNetwork) -> LeelaNetwork:
    """A copy that computes the same with normalisations that do nothing; convolutions have biases instead."""
    from lzeval.network.network import ConvBlock

    copy = LeelaNetwork(network.shape, value_is_blacks=network.value_is_blacks)
    copy.load_state_dict(network.state_dict())
    copy.eval()
    for block in [module for module in copy.modules() if isinstance(module, ConvBlock)]:
        fused = nn.utils.fuse_conv_bn_eval(block.conv, block.norm)
        block.conv = fused
        block.norm = nn.Identity()  # type: ignore[assignment]
    return copy
