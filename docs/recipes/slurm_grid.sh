#!/bin/bash
# A grid as a Slurm array, an experiment a task, each in a clone of its own, so that no two runs wait for one lock:
#   sbatch --array=1-8 docs/recipes/slurm_grid.sh train@glyph_selective
# ATHANOR_REPOSITORY is the repository (default: where sbatch was called); its DVC cache is shared by all tasks and must be
# on a file system that all nodes see. For stages after respond and judge: a clone has a memo of its own, so a grid that comes to
# a paid teacher buys the same answers in every task. The experiments come back as grid-1, grid-2, ...: `dvc exp show` lists them.
#SBATCH --job-name=athanor-grid
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=24:00:00
#SBATCH --output=slurm-%A-%a.log
set -euo pipefail
repository=${ATHANOR_REPOSITORY:-$PWD}
. "$repository/.venv/bin/activate"
cache=$(cd "$repository" && dvc cache dir)
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet "$repository" "$clone"
cd "$clone"
dvc cache dir --local "$cache"
name=grid-$SLURM_ARRAY_TASK_ID
dvc exp run --name "$name" -S "seed=$SLURM_ARRAY_TASK_ID" "$@"
dvc exp push --no-cache origin "$name"
