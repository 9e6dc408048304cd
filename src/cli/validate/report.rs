//! The report as it grows: what is said about each file in the order of the files, then the summary.

use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Write};

use super::args::Format;
use super::check::{CheckedJob, Finding, ReportEntry};
use super::counts::ResultCounts;
use super::progress::Progress;
use crate::cli::streams::{Exit, unwritable};
use crate::error::Result;

/// So often the same finding is shown about the resources of one file. That something is not at hand is shown once,
/// whatever the file.
const MAX_REPEATS: usize = 5;

/// Where the report goes and what it has said so far.
pub(super) struct Report<'s> {
    pub(super) out: &'s mut dyn Write,
    pub(super) err: &'s mut dyn Write,
    pub(super) progress: Progress,
    pub(super) format: Format,
    /// Only the summary is wanted
    pub(super) is_summary: bool,
    /// Several resources are meant, so JSON is an array even if there turns out to be one
    pub(super) is_list: bool,
    pub(super) state: State,
}

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct State {
    total: ResultCounts,
    /// What was counted in the file of which more may follow
    file: ResultCounts,
    /// How often each finding was shown about that file
    shown: HashMap<u64, usize>,
    /// Findings of that file that were not shown any more
    repeated: usize,
    /// What is not at hand, as far as it was said about any file
    unchecked: HashSet<u64>,
    /// A finding was shown, so its reader may want to know more
    has_shown: bool,
    /// OperationOutcomes that were written
    outcomes: usize,
    /// The first one, until it is clear whether more come
    first_outcome: Option<String>,
    /// Whoever read the report has gone away (`| head`)
    is_closed: bool,
}

impl State {
    /// Was this finding shown so often that its reader knows it?
    fn is_known(&mut self, finding: Finding) -> bool {
        if finding.is_general {
            return !self.unchecked.insert(finding.number);
        }
        let times = self.shown.entry(finding.number).or_default();
        *times += 1;
        *times > MAX_REPEATS
    }
}

impl Report<'_> {
    /// Says what there is to say about a job.
    pub(super) fn take(&mut self, answer: CheckedJob) -> Result<()> {
        let before = self.state.total.resources;
        self.state.total.add(&answer.counts);
        self.state.file.add(&answer.counts);
        if let Some(error) = &answer.unreadable {
            self.progress.clear(self.err);
            writeln!(self.err, "handoff: {error}").map_err(unwritable)?;
        }
        if !self.is_summary {
            let file = answer.file.clone();
            let (is_last, is_read) = (answer.is_last, answer.unreadable.is_none());
            self.write_entries(answer.entries)?;
            if is_last && is_read && self.format == Format::Human {
                self.write_verdict(&file)?;
            }
        }
        if answer.is_last {
            self.state.file = ResultCounts::default();
            self.state.shown.clear();
            self.state.repeated = 0;
        }
        // What can be read is not kept waiting; whoever sends nothing new has heard all.
        if self.state.total.resources > before {
            let flushed = self.out.flush();
            self.written(flushed)?;
        }
        self.progress.show(&self.state.total, self.err);
        Ok(())
    }

    fn write_entries(&mut self, entries: Vec<ReportEntry>) -> Result<()> {
        for ReportEntry { text, finding } in entries {
            match (self.format, finding) {
                (Format::Human, Some(finding)) if self.state.is_known(finding) => {
                    self.state.repeated += finding.places;
                }
                (Format::Human, _) => {
                    self.state.has_shown = true;
                    self.write(&text)?;
                }
                (Format::Ndjson, _) => self.write(&(text + "\n"))?,
                (Format::Json, _) => self.write_outcome(text)?,
            }
        }
        Ok(())
    }

    fn write_verdict(&mut self, file: &str) -> Result<()> {
        let mut line = format!("{file}: {}", self.state.file.verdict());
        if self.state.repeated > 0 {
            line = format!("{line} ({} as above)", self.state.repeated);
        }
        self.write(&(line + "\n"))
    }

    /// One of them is written as it is, several as an array.
    fn write_outcome(&mut self, text: String) -> Result<()> {
        self.state.outcomes += 1;
        if self.state.outcomes == 1 && !self.is_list {
            self.state.first_outcome = Some(text);
            return Ok(());
        }
        let before = match (self.state.first_outcome.take(), self.state.outcomes) {
            (Some(first), _) => format!("[\n{first},\n"),
            (None, 1) => "[\n".to_owned(),
            (None, _) => ",\n".to_owned(),
        };
        self.write(&(before + &text))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.progress.clear(self.err);
        let written = self.out.write_all(text.as_bytes());
        self.written(written)
    }

    fn written(&mut self, result: std::io::Result<()>) -> Result<()> {
        self.state.is_closed |= result.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        result.map_err(unwritable)
    }

    /// Says the last lines, and what the process answers. That nobody reads any more is no failure.
    pub(super) fn finish(mut self, done: Result<()>) -> Result<Exit> {
        let total = std::mem::take(&mut self.state.total);
        match done.and_then(|()| self.last_lines(&total)) {
            Err(_) if self.state.is_closed => Ok(total.exit()),
            done => done.map(|()| total.exit()),
        }
    }

    fn last_lines(&mut self, total: &ResultCounts) -> Result<()> {
        let last = match self.format {
            Format::Human if self.is_summary => total.summary(),
            Format::Human => {
                let several = total.files + total.unreadable > 1 || total.resources > 1;
                let summary = if several { format!("\n{}", total.summary()) } else { String::new() };
                let more = if self.state.has_shown { "\nhandoff explain KEY says more about a finding\n" } else { "" };
                summary + more
            }
            Format::Json if self.is_summary => format!("{:#}\n", total.value()),
            Format::Ndjson if self.is_summary => format!("{}\n", total.value()),
            Format::Json => match (self.state.first_outcome.take(), self.state.outcomes) {
                (Some(only), _) => only + "\n",
                (None, 0) => "[]\n".to_owned(),
                (None, _) => "\n]\n".to_owned(),
            },
            Format::Ndjson => String::new(),
        };
        self.write(&last)
    }
}
