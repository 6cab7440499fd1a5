"""Any file of a network, weights or checkpoint, as a network ready to answer.

A checkpoint is what Lightning saves of the training module: `state_dict` with the network under `network.`,
optionally `ema_state_dict` and `swa_state_dict` with averaged networks' values, and `shape` with the network's
size, at the top or among `hyper_parameters`.
"""

from __future__ import annotations

import hashlib
import operator
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lzeval.errors import UserError
from lzeval.network.leela import network_from_weights, weights_from_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.network.weights_file.weights import is_checkpoint, read_hashed
from lzeval.system.bundled import network_name, resolve_network

STATE_KEY, AVERAGED_STATE_KEY, SWA_STATE_KEY, SHAPE_KEY = (
    "state_dict", "ema_state_dict", "swa_state_dict", "shape"
)  # fmt: skip
KINDS = {"ema": AVERAGED_STATE_KEY, "swa": SWA_STATE_KEY, "latest": STATE_KEY}
"""The networks that a checkpoint may hold; of those that it does, the first is taken unless another is wanted."""
NETWORK_PREFIX = "network."
_NOT_OURS = "no checkpoint of lzeval's, or a damaged one; give one that training wrote"


@dataclass(frozen=True)
class LoadedNetwork:
    """A network and where it came from."""

    network: LeelaNetwork
    """The network in evaluation mode, on the CPU."""
    sha256: str
    """SHA-256 of a weights file's uncompressed text, or of a checkpoint's bytes: by it records name the network."""
    numbers_sha256: str
    """`LeelaWeights.numbers_sha256`: equal for a file and a checkpoint of which one was exported from the other."""
    name: str
    """The file's name without its ending, for instance `big`."""
    value_is_blacks: bool
    """The value is Black's and not the mover's (weights files of version 2)."""


def load_network(path: str | Path) -> LoadedNetwork:
    """Load a weights file, a checkpoint (either judged by its content) or a bundled network by its name.

    Raises UserError, or its WeightsError, where there is no such network or the file is not sound.
    """
    file = resolve_network(path)
    if is_checkpoint(file):
        network, sha256 = read_checkpoint(file), hashlib.sha256(file.read_bytes()).hexdigest()
        weights = weights_from_network(network)
    else:
        weights, sha256 = read_hashed(file)
        network = network_from_weights(weights)
    numbers = weights.numbers_sha256
    return LoadedNetwork(network, sha256, numbers, network_name(file), network.value_is_blacks)


def read_checkpoint(path: str | Path, kind: str | None = None) -> LeelaNetwork:
    """The network of a checkpoint, in evaluation mode; an averaged one where there is one.

    `kind`, a key of `KINDS`, demands one of them. Nothing but tensors and plain values is unpickled. Raises
    UserError if that is not enough, or the checkpoint lacks what is demanded.
    """
    checkpoint = load_checkpoint(path)
    network = LeelaNetwork(shape_of(path, checkpoint))
    state = _state(path, checkpoint, kind)
    try:
        network.load_state_dict(_network_state(state))
    except RuntimeError as exc:
        reason = str(exc).splitlines()[-1].strip()
        raise UserError(f"{path}: its tensors are not those of {network.shape}: {reason}") from exc
    return network.eval()


def load_checkpoint(path: str | Path) -> Mapping[str, Any]:
    """Content of a checkpoint: tensors and plain values. Raises UserError if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as of an archive of TorchScript
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # a damaged file may fail in any way
        raise UserError(f"{path}: {_NOT_OURS}") from exc
    if not isinstance(checkpoint, Mapping):
        raise UserError(f"{path}: {_NOT_OURS}")
    return checkpoint


def _state(path: str | Path, checkpoint: Mapping[str, Any], kind: str | None) -> Mapping[str, Tensor]:
    """The values of the wanted kind, or of the best kind there is; nothing if there is none at all."""
    present: dict[str, Mapping[str, Tensor]] = {
        name: checkpoint[key]
        for name, key in KINDS.items()
        if isinstance(checkpoint.get(key), Mapping) and checkpoint[key]
    }
    if kind is None:
        return next(iter(present.values()), {})
    if kind not in KINDS:
        raise UserError(
            f"there is no kind {kind!r} of network in checkpoints; choose one of {_listed(KINDS)}"
        )
    if kind not in present:
        raise UserError(
            f"{path}: no network {kind!r} in this checkpoint; it has {_listed(present) or 'none'}"
        )
    return present[kind]


def _listed(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds))


def shape_of(path: str | Path, checkpoint: Mapping[str, Any]) -> NetworkShape:
    """The size of the network in `checkpoint`, read from `path`. Raises UserError where it does not say."""
    further = checkpoint.get("hyper_parameters")
    found = checkpoint.get(SHAPE_KEY) or (further.get(SHAPE_KEY) if isinstance(further, Mapping) else None)
    try:
        return NetworkShape(**{name: operator.index(number) for name, number in (found or {}).items()})
    except (TypeError, AttributeError) as exc:
        raise UserError(
            f"{path}: the checkpoint does not say how large its network is; give one that training wrote"
        ) from exc


def _network_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's part of a state, its prefix taken away; a state without any prefix is the network's."""
    inside = {
        key[len(NETWORK_PREFIX) :]: value
        for key, value in state.items()
        if str(key).startswith(NETWORK_PREFIX)
    }
    return inside or {str(key): value for key, value in state.items()}
