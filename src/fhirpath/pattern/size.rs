//! How large a pattern becomes when it is compiled: `{1,64}` repeats what it stands behind, so patterns can grow.

/// What a pattern, or a part of one, becomes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    /// A measure of what reading one character costs
    pub(super) states: usize,
    /// About how much memory it takes
    pub(super) bytes: usize,
}

impl Size {
    /// One character, or less.
    pub(super) const CHAR: Self = Self { states: 1, bytes: 32 };
    /// Any character.
    pub(super) const ANY: Self = Self { states: 1, bytes: 1_200 };

    /// A class of characters, as it is written. What Unicode defines or what is not meant has many ranges.
    pub(super) fn class(written: &str) -> Self {
        let properties = written.matches(r"\p").count() + written.matches(r"\P").count();
        let is_wide = properties > 0 || written.contains("[^") || written.contains(r"\s") || written.contains(r"\S");
        let bytes = 300 + 44_000 * properties + if is_wide { 2_000 } else { 0 } + 32 * written.len();
        Self { states: 1, bytes }
    }

    fn plus(self, other: Self) -> Self {
        Self { states: self.states.saturating_add(other.states), bytes: self.bytes.saturating_add(other.bytes) }
    }

    fn times(self, times: usize) -> Self {
        Self { states: self.states.saturating_mul(times), bytes: self.bytes.saturating_mul(times) }
    }
}

/// The sizes of the groups that are open while a pattern is read, the outermost first.
#[derive(Debug)]
pub(super) struct SizeStack {
    groups: Vec<Size>,
    current: Size,
    /// The part that was added last: what a repetition repeats
    last: Size,
}

impl SizeStack {
    pub(super) fn new() -> Self {
        Self { groups: Vec::new(), current: Size::CHAR, last: Size::default() }
    }

    pub(super) fn nesting(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn add(&mut self, size: Size) {
        self.current = self.current.plus(size);
        self.last = size;
    }

    pub(super) fn open_group(&mut self) {
        self.groups.push(std::mem::take(&mut self.current));
    }

    /// Nothing where no group is open.
    pub(super) fn close_group(&mut self) -> Option<()> {
        let group = self.current.plus(Size::CHAR.times(2));
        self.current = self.groups.pop()?;
        self.add(group);
        Some(())
    }

    /// The last part stands there so often, each time with a choice.
    pub(super) fn repeat(&mut self, times: u32) {
        let times = times as usize;
        let more = self.last.times(times.saturating_sub(1)).plus(Size::CHAR.times(times));
        self.current = self.current.plus(more);
    }

    /// The size of the whole pattern, if every group was closed.
    pub(super) fn finish(self) -> Option<Size> {
        self.groups.is_empty().then_some(self.current)
    }
}
