#!/usr/bin/env bash
# Two machines with eight GPUs each, under Slurm: sbatch examples/slurm.sh my.json folder:/data/photos/train runs/big
# Started again after a failure or the time limit it goes on from the last checkpoint.
#SBATCH --job-name=rankcon
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
set -euo pipefail
ranking=$1 data=$2 out=$3

# One torchrun a machine; they find each other at the first one. The images, the ranking and $out lie on a shared file system.
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
what=(--ranking "$ranking" --data "$data" --batch-size 4096 --norm sync)
if [ -e "$out/run.json" ]; then what=(--resume); fi

# srun hands the SIGTERM that --signal asks for, two minutes before the limit, to torchrun, and that to every process: they
# finish their step, the leader writes a checkpoint, and all end with exit status 130.
srun --kill-on-bad-exit=1 torchrun \
    --nnodes "$SLURM_NNODES" --nproc-per-node 8 \
    --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d --rdzv-endpoint "$first:29500" \
    -m rankcon_cli train "${what[@]}" --out "$out"

# Embedding is shared by the GPUs of one machine.
srun --nodes 1 --ntasks 1 torchrun --standalone --nproc-per-node 8 -m rankcon_cli evaluate "$out" --json >"$out.evaluation.json"
