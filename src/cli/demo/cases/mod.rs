//! Cases of the exchange: what is stored, what somebody asks, and what is committed, told and seen then, or why it is
//! refused. Each runs in a world of its own, in memory. The form of a file is told in `fixtures/cases/exchange/README.md`.

mod expect;
mod file;
mod invalid;
mod substitute;
mod watched_store;
mod world;

use std::path::Path;
use std::sync::Arc;

use crate::app::Engines;
use crate::cli::case_files::yaml_files;
use crate::cli::sources;
use crate::cli::streams::{Exit, Streams, unwritable};
use crate::error::{Error, Result};
use crate::yaml;

use file::{Case, CaseFile, CaseStep};
use world::CaseWorld;

/// Runs the cases in a file or folder, and says which are wrong and how.
///
/// # Errors
/// A file that cannot be read.
pub(super) async fn run(engines: Engines, path: &Path, streams: &mut Streams<'_>) -> Result<Exit> {
    let engines = Arc::new(engines);
    let (mut count, mut wrong) = (0, 0);
    for file in yaml_files(path)? {
        let name = file.display().to_string();
        let cases: CaseFile =
            yaml::read(&name, &sources::bytes(&file)?).map_err(|issue| Error::unprocessable(vec![*issue]))?;
        for case in &cases.cases {
            count += 1;
            let differences = match run_case(&engines, &cases.given, &case.value).await {
                Ok(differences) => differences,
                Err(error) => error.issues.iter().map(|issue| issue.text.clone()).collect(),
            };
            if !differences.is_empty() {
                wrong += 1;
                let line = case.referenced.line();
                writeln!(streams.out, "{name}:{line}: {}", case.value.title).map_err(unwritable)?;
                for difference in differences {
                    writeln!(streams.out, "    {difference}").map_err(unwritable)?;
                }
            }
        }
    }
    writeln!(streams.out, "{count} cases, {wrong} wrong").map_err(unwritable)?;
    Ok(if wrong == 0 { Exit::Done } else { Exit::Invalid })
}

async fn run_case(engines: &Arc<Engines>, given: &[CaseStep], case: &Case) -> Result<Vec<String>> {
    let world = Arc::new(CaseWorld::new(engines).await?);
    for step in given.iter().chain(&case.given) {
        let taken = world.take(step).await?;
        if let Err(error) = taken.answer {
            let issues: Vec<String> = error.issues.iter().map(ToString::to_string).collect();
            return Ok(vec![format!("what is given is refused: {}", issues.join("; "))]);
        }
    }
    if let Some(step) = case.meanwhile.clone() {
        let other = world.clone();
        world.store.let_happen(Box::new(move || Box::pin(async move { other.perform_meanwhile(&step).await })));
    }
    let taken = world.take(&case.step).await?;
    expect::differences(&world, case, &taken).await
}
