#!/bin/sh
# Evaluate MODEL and compare it with the baseline in git; the first run writes the baseline.
set -eu
model=${1:?usage: gate.sh MODEL}
mmbench run --model "$model" --tasks vqa/easy-vqa --limit "${LIMIT:-2000}" --quiet
run=$(ls -td results/runs/*/ | head -n 1)
if [ ! -f baseline.json ]; then
    mmbench baseline save "$run" baseline.json --allow partial # of the samples that LIMIT leaves
    exit 0
fi
mmbench gate "$run" --baseline baseline.json
