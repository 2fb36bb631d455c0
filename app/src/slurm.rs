//! A recipe as a script for a cluster: one task per story.

use std::path::Path;

use crate::command_text::quoted;
use crate::console::count;

/// A script for `sbatch` that extracts each story in a task of its own, with the recipe inside.
///
/// Stories that are done are left alone, and one that was broken off goes on, so the script can be given to `sbatch` again.
#[must_use]
pub(crate) fn array_script(program: &Path, recipe: &str, stories: &[String]) -> String {
    let last = stories.len().saturating_sub(1);
    let n_stories = count(stories.len(), "story", "stories");
    let names: Vec<String> = stories.iter().map(|story| quoted(story)).collect();
    let names = names.join("\n    ");
    let program = quoted(&program.display().to_string());
    // A line that ends the recipe must not be one of its own.
    let end = (0..1000)
        .map(|n| format!("RECIPE_{n}"))
        .find(|end| !recipe.contains(end.as_str()))
        .unwrap_or_default();
    format!(
        "#!/bin/bash
#SBATCH --job-name=heschl
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --output=heschl-%A_%a.log
# Features of {n_stories}, a task each. Give this file to sbatch. What is done is left alone and what was broken off
# goes on, so it can be given to sbatch again after a failure.
#
# The paths below are those of the machine where this was made; the cluster must know the recordings, the model and the
# folder for the features by the same ones. Another program: HESCHL=/path/to/heschl sbatch …
set -euo pipefail

stories=(
    {names}
)
story=\"${{stories[${{SLURM_ARRAY_TASK_ID:?Give this file to sbatch}}]}}\"
heschl=${{HESCHL:-{program}}}
recipe=\"$(mktemp)\"
trap 'rm -f \"$recipe\"' EXIT
cat > \"$recipe\" <<'{end}'
{recipe}
{end}
\"$heschl\" run \"$recipe\" --stories=\"$story\"
"
    )
}
