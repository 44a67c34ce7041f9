#!/bin/bash
# A stage as a Slurm job: `sbatch --wait docs/recipes/slurm.sh` takes the place of `python` in front of `-m stages.train ...`
# (params *.launcher). sbatch waits for the job and ends with its exit status, and so does the stage for DVC.
# Partition, account and time are your cluster's; flags of sbatch go before the path of this file and win over these lines.
#SBATCH --job-name=athanor
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=24:00:00
# B: the shell, which `exec` makes the stage, gets SIGTERM a minute before the time is over: respond and judge then store the
# answers in flight, and a training ends; run again, it goes on from its last checkpoint.
#SBATCH --signal=B:TERM@60
#SBATCH --output=slurm-%j.log
set -euo pipefail
. .venv/bin/activate
exec python "$@"
