//! A recipe as a script for a cluster: one task per story, or per share of the voxels.

use std::num::NonZeroUsize;
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
    let end = end_mark(recipe);
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

/// A script for `sbatch` that fits each share of the voxels in a task of its own.
#[must_use]
pub(crate) fn shares_script(
    program: &Path,
    recipe: &str,
    folder: &Path,
    n_shares: NonZeroUsize,
) -> String {
    let program = quoted(&program.display().to_string());
    let folder = quoted(&folder.display().to_string());
    let end = end_mark(recipe);
    format!(
        "#!/bin/bash
#SBATCH --job-name=heschl-encode
#SBATCH --array=1-{n_shares}
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=12:00:00
#SBATCH --output=heschl-%A_%a.log
# Voxel scores, a share of the voxels in each task. Give this file to sbatch. Shares that are done are left alone and what
# was broken off goes on, so it can be given to sbatch again after a failure. When all are done, put them together:
#   heschl merge {folder}
#
# The paths below are those of the machine where this was made; the cluster must know features, responses and the folder
# for the scores by the same ones. Another program: HESCHL=/path/to/heschl sbatch …
set -euo pipefail

heschl=${{HESCHL:-{program}}}
share=\"${{SLURM_ARRAY_TASK_ID:?Give this file to sbatch}}/{n_shares}\"
recipe=\"$(mktemp)\"
trap 'rm -f \"$recipe\"' EXIT
cat > \"$recipe\" <<'{end}'
{recipe}
{end}
\"$heschl\" encode \"$recipe\" --blocks \"$share\"
"
    )
}

/// A line that ends a recipe and is none of its own.
fn end_mark(recipe: &str) -> String {
    let mut end = String::from("RECIPE");
    while recipe.contains(&end) {
        end.push('_');
    }
    end
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    /// A program that writes what it was asked for, by the number of its task.
    const PROGRAM: &str = "#!/bin/bash\ncp \"$2\" \"$OUT/$SLURM_ARRAY_TASK_ID.toml\"\nprintf '%s\\n' \"$1\" \"$3\" > \"$OUT/$SLURM_ARRAY_TASK_ID\"\n";

    /// Whatever a folder or a story is called, no line of the script is made of it, comments included.
    #[test]
    fn names_with_line_breaks_run_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let smuggled = folder.path().join("SMUGGLED");
        let name = format!("out\ntouch {}\n#'\\", smuggled.display());
        let scripts = [
            shares_script(
                Path::new("/bin/true"),
                "[encode]\n",
                Path::new(&name),
                NonZeroUsize::MIN,
            ),
            shares_script(
                Path::new(&name),
                "[encode]\n",
                Path::new("x"),
                NonZeroUsize::MIN,
            ),
            array_script(
                Path::new("/bin/true"),
                "[extract]\n",
                &[name.clone(), "b".into()],
            ),
        ];
        for script in scripts {
            let path = folder.path().join("script");
            std::fs::write(&path, &script).unwrap();
            let mut command = Command::new("bash");
            command
                .arg(&path)
                .env("SLURM_ARRAY_TASK_ID", "0")
                .output()
                .unwrap();
            assert!(!smuggled.exists(), "{script}");
        }
    }

    /// Runs each task of a script as Slurm would, one after the other.
    #[test]
    fn each_task_extracts_its_story_with_the_whole_recipe() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a program's");
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let stories = ["one", "it's $HOME", "deep/two \"x\""].map(String::from);
        let recipe = "[extract]\nfolder = \"RECIPE $(date) `x`\"\n";
        let script = folder.path().join("script");
        std::fs::write(&script, array_script(&program, recipe, &stories)).unwrap();
        let checked = Command::new("bash")
            .arg("-n")
            .arg(&script)
            .status()
            .unwrap();
        assert!(checked.success());
        for (task, story) in stories.iter().enumerate() {
            let mut command = Command::new("bash");
            command
                .arg(&script)
                .env("SLURM_ARRAY_TASK_ID", task.to_string())
                .env("OUT", folder.path());
            assert!(command.status().unwrap().success());
            let asked = std::fs::read_to_string(folder.path().join(task.to_string())).unwrap();
            assert_eq!(asked, format!("run\n--stories={story}\n"));
            let given =
                std::fs::read_to_string(folder.path().join(format!("{task}.toml"))).unwrap();
            assert_eq!(given.trim_end(), recipe.trim_end());
        }
        let text = std::fs::read_to_string(&script).unwrap();
        assert!(text.contains("#SBATCH --array=0-2\n"));
    }
}
