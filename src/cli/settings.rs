//! `handoff settings`: each setting with its value, where that comes from, and what it is where nobody sets it.

use std::path::PathBuf;

use super::streams::{Exit, Streams, unwritable};
use crate::app::setting_list::{self, Setting, Source};
use crate::error::Result;

/// Arguments of `handoff settings`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Settings file [default: handoff.toml, where it is there]
    #[arg(long, env = "HANDOFF_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write what every setting is, as a page of Markdown
    #[arg(long, conflicts_with = "config")]
    reference: bool,
}

/// Runs `handoff settings`.
///
/// # Errors
/// A settings file that cannot be read, or a setting that cannot be used.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let text =
        if args.reference { setting_list::reference() } else { table(&setting_list::list(args.config.as_deref())?.1) };
    streams.out.write_all(text.as_bytes()).map_err(unwritable)?;
    Ok(Exit::Done)
}

/// One line a setting, columns aligned; the last is what it would be if nobody had set it.
fn table(settings: &[Setting]) -> String {
    let head = ["NAME", "VALUE", "FROM", "DEFAULT"].map(str::to_owned);
    let mut rows = vec![head];
    for Setting { name, value, source, default, .. } in settings {
        let (source, default) = match source {
            Source::Variable(name) => (name.clone(), default.clone()),
            Source::File(file, position) => (format!("{file}:{}:{}", position.line, position.column), default.clone()),
            Source::Default => ("default".to_owned(), String::new()),
        };
        rows.push([name.clone(), value.clone(), source, default]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [width(0), width(1), width(2)];
    let line = |[name, value, source, default]: &[String; 4]| {
        let line = format!("{name:0$}  {value:1$}  {source:2$}  {default}", widths[0], widths[1], widths[2]);
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}
