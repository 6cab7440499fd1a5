"""Input planes unpacked where the network runs: over the bus to a GPU go bits, an eighth of the bytes or less."""

from __future__ import annotations

import torch
from torch import Tensor

from lzeval.go.points import SYMMETRIES, symmetry_tables
from trainer.data.batches import TensorBatch
from trainer.data.rows import TURN_WHITE


class PlanesUnpacker(torch.nn.Module):
    """Makes the planes of batches that come as bits, on whichever device they are; leaves others as they are."""

    _sources: Tensor
    """`[8, S * S]`: which point each symmetry brings to a point."""
    _places: Tensor
    """`[8]`: 0 to 7."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        tables = torch.from_numpy(symmetry_tables(size)[:, :-1].astype("int64"))
        self.register_buffer("_sources", tables.argsort(dim=1), persistent=False)
        self.register_buffer("_places", torch.arange(8, dtype=torch.uint8), persistent=False)

    def forward(self, batch: TensorBatch) -> TensorBatch:
        if batch.turns is None:
            return batch
        count, points = len(batch.turns), self.size * self.size
        bits = batch.planes.unsqueeze(3).bitwise_right_shift(self._places).bitwise_and(1)
        stones = bits.flatten(2)[:, :, :points]
        sources = self._sources[batch.turns % SYMMETRIES]
        turned = stones.gather(2, sources[:, None].expand(-1, stones.shape[1], -1))
        white = (batch.turns >= TURN_WHITE).to(torch.uint8)
        sides = torch.stack((1 - white, white), dim=1)[:, :, None].expand(-1, -1, points)
        planes = torch.cat((turned, sides), dim=1).view(count, -1, self.size, self.size)
        return batch._replace(planes=planes, turns=None)
