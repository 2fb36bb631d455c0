#!/usr/bin/env bash
# Runs the script of `heschl run --slurm` on a real Slurm of one machine, and compares with the same run without it.
#   tests/slurm.sh <heschl> <folder of recordings>
# Needs Debian's slurmctld, slurmd and slurm-client; no munge, no service: everything lives in a folder of its own.
set -euo pipefail
heschl="$(realpath "$1")"; recordings="$(realpath "$2")"
here="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d)"
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
export SLURM_CONF="$work/slurm.conf"
mkdir -p "$work"/{state,spool}
cat > "$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/none
CredType=cred/none
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/ctld.pid
SlurmdPidFile=$work/d.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=4 Boards=1 SocketsPerBoard=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=16000 State=UNKNOWN
SlurmdParameters=config_overrides
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld -D > "$work/ctld.log" 2>&1 &
slurmd -D -N "$(hostname -s)" > "$work/d.log" 2>&1 &
for _ in $(seq 100); do sinfo -h -o %t 2>/dev/null | grep -q idle && break; sleep 0.2; done
sinfo -h -o %t | grep -q idle || { cat "$work"/*.log; exit 1; }

model="$here/data/whisper-like"
"$heschl" extract --stimulus-dir "$recordings" --model "$model" --resample --chunksz 1000 --contextsz 4000 --out "$work/plain" --events json > /dev/null
recipe="$(find "$work/plain" -name recipe.toml)"
sed -e '/^\[run\]/,$d' -e "s|$work/plain|$work/array|" "$recipe" > "$work/recipe.toml"
"$heschl" run "$work/recipe.toml" --slurm | sed -e 's/--cpus-per-task=4/--cpus-per-task=1/' -e 's/--mem=8G/--mem=1G/' > "$work/array.sh"
cd "$work"
sbatch --wait "$work/array.sh"
n_tasks=$(ls heschl-*.log | wc -l)
cd "$work/plain"
find . -name '*.npz' | sort | while read -r file; do cmp "$file" "$work/array/$file"; done
n_files=$(find . -name '*.npz' | wc -l)
[ "$n_files" -gt 0 ] && [ "$n_files" -eq "$(find "$work/array" -name '*.npz' | wc -l)" ]
echo "Slurm $(slurmctld -V): $n_tasks tasks made the same $n_files files, to the last byte, as one run without it."
