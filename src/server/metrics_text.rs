//! Metrics in the text format that is older than OpenMetrics
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>): for whoever does not ask for the
//! newer one, people at a terminal and `promtool check metrics` among them.

/// The media type of it.
pub(super) const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What differs: a counter is called as its sample is, there are no units, and nothing marks the end.
pub(super) fn of_openmetrics(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        // The type stands in the line below the help, and both begin with the name.
        let name = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        let name = name.and_then(|rest| rest.split(' ').next());
        let below = lines.peek().copied().unwrap_or_default();
        let is_counter = |name: &&str| {
            let is_type = |line: &str| line.strip_prefix("# TYPE ") == Some(&format!("{name} counter"));
            is_type(line) || is_type(below)
        };
        match name.filter(is_counter) {
            Some(name) => written.push_str(&line.replacen(name, &format!("{name}_total"), 1)),
            None => written.push_str(line),
        }
        written.push('\n');
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_called_as_their_samples() {
        let openmetrics = "# HELP a_polls Polls.\n# TYPE a_polls counter\na_polls_total 3\n# HELP a_held_bytes Held.\n\
                           # TYPE a_held_bytes gauge\n# UNIT a_held_bytes bytes\na_held_bytes 0\n# EOF\n";
        let expected = "# HELP a_polls_total Polls.\n# TYPE a_polls_total counter\na_polls_total 3\n# HELP a_held_bytes \
                        Held.\n# TYPE a_held_bytes gauge\na_held_bytes 0\n";
        assert_eq!(of_openmetrics(openmetrics), expected);
    }
}
