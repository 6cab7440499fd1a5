#!/bin/sh
# What lzeval does with a GPU, in less than ten minutes: answers against fp32 on the CPU, evaluations a second, a match as
# a share of them, training steps against plain PyTorch, loading. On a fresh checkout, with a torch that knows CUDA:
#
#   benchmarks/gpu.sh                            # tables, and gpu-results/gpu.json
#   DEVICE=cuda:1 PYTHON=python3.12 benchmarks/gpu.sh
#   DEVICE=torch QUICK=1 benchmarks/gpu.sh       # every part on a CPU, with small settings: tries the script itself
#   PIP_ARGS="--no-index --find-links wheels" benchmarks/gpu.sh     # where there is no network
#
# DEVICE: as for lzeval's --device. Where $PYTHON lacks what lzeval needs, it is installed into .venv-gpu, beside the
# torch that is there; that is not part of the ten minutes. The exit status is 1 if a part has failed or took too long.
set -u
cd "$(dirname "$0")/.." || exit 2
DEVICE=${DEVICE:-cuda}
QUICK=${QUICK:-}
OUT=${OUT:-gpu-results}
PYTHON=${PYTHON:-python3}

case $DEVICE in
    cpu | torch | openvino-gpu) TORCH_DEVICE=cpu ;;
    auto) DEVICE=cuda TORCH_DEVICE=cuda ;;
    *) TORCH_DEVICE=$DEVICE ;;
esac

needs="import llvmlite, numba, filelock, hydra, jinja2, pandas, platformdirs, psutil, pytorch_lightning, rich, scipy, sgfmill, tensorboard, typer"
if ! "$PYTHON" -c "$needs" 2> /dev/null; then
    "$PYTHON" -c "import torch" || { echo "gpu.sh: $PYTHON has no torch; install it, or set PYTHON" >&2; exit 2; }
    "$PYTHON" -m venv --system-site-packages .venv-gpu || exit 2
    PYTHON=$PWD/.venv-gpu/bin/python
    # shellcheck disable=SC2086  # several arguments; so is $training below
    "$PYTHON" -m pip install --quiet ${PIP_ARGS:-} -e . || exit 2
fi
PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
export PYTHONPATH
"$PYTHON" -c "
import sys
from engines.evaluator.devices import chosen
from lzeval.errors import UserError
try:
    chosen(sys.argv[1])
except UserError as error:
    sys.exit(f'gpu.sh: {error}')
" "$DEVICE" || exit 2

mkdir -p "$OUT" || exit 2
rm -f "$OUT"/*.part.json "$OUT"/*.log
training="--device $TORCH_DEVICE --batch-size 512 --rounds 2 --seconds 2 --compiled"
failed=0

# part NAME SECONDS MODULE ARGUMENTS: one benchmark into NAME.part.json, which stays empty where it fails
part() {
    name=$1 limit=$2 module=$3
    shift 3
    echo "$(date +%H:%M:%S) $name" >&2
    if ! timeout "$limit" "$PYTHON" -m "benchmarks.$module" "$@" --json > "$OUT/$name.part.json" 2> "$OUT/$name.log"; then
        echo "gpu.sh: $name failed or took more than $limit s; the end of $OUT/$name.log:" >&2
        tail -n 5 "$OUT/$name.log" >&2
        : > "$OUT/$name.part.json"
        failed=1
    fi
}

if [ -n "$QUICK" ]; then
    part 1-answers 300 device_answers --device "$DEVICE" --networks small --positions 16 --batch 8
    part 2-batches 300 device_batches --device "$DEVICE" --networks small --batches 8 --batches 16 --seconds 0.5
    part 3-match 300 device_match --device "$DEVICE" --networks small --batch 8 --threads 2 --visits 8 --seconds 2
    part 4-training 300 training_step --device "$TORCH_DEVICE" --networks small --batch-size 8 --rounds 1 --seconds 1
    part 5-loading 300 device_loading --device "$TORCH_DEVICE" --batch-size 64 --games 20 --workers 0 --seconds 0.5
else
    part 1-answers 90 device_answers --device "$DEVICE" --positions 128
    part 2-batches 100 device_batches --device "$DEVICE" --seconds 1
    part 3-match 130 device_match --device "$DEVICE" --networks small --networks big --threads 4 --threads 8 \
        --threads 16 --seconds 6
    part 4-training-small 60 training_step --networks small $training
    part 4-training-big 70 training_step --networks big $training
    part 4-training-huge 110 training_step --networks huge $training
    part 5-loading 30 device_loading --device "$TORCH_DEVICE" --seconds 3
fi

"$PYTHON" -m benchmarks.gpu_results "$OUT" || failed=1
exit $failed
