//! Where the databases do not understand the same words.

/// What a database is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Dialect {
    /// SQLite (<https://sqlite.org/lang.html>)
    Sqlite,
    /// PostgreSQL (<https://www.postgresql.org/docs/current/sql.html>)
    Postgres,
}

impl Dialect {
    /// That a text holds another one: a condition, where `part` stands for it.
    pub(in crate::store) fn contains(self, text: &str, part: &str) -> String {
        match self {
            Self::Sqlite => format!("instr({text}, {part}) > 0"),
            Self::Postgres => format!("strpos({text}, {part}) > 0"),
        }
    }

    /// The numbers of a list that is given as one value: however many there are, the text of the statement is the same.
    pub(in crate::store) fn numbers_of(self, list: &str) -> String {
        match self {
            Self::Sqlite => format!("(SELECT value FROM json_each({list}))"),
            Self::Postgres => format!("(SELECT unnest(CAST(CAST({list} AS text) AS bigint[])))"),
        }
    }

    /// That list.
    pub(in crate::store) fn list(self, numbers: &[i64]) -> String {
        let numbers = numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        match self {
            Self::Sqlite => format!("[{numbers}]"),
            Self::Postgres => format!("{{{numbers}}}"),
        }
    }

    /// The larger of two numbers.
    pub(in crate::store) fn larger(self, one: &str, other: &str) -> String {
        match self {
            Self::Sqlite => format!("max({one}, {other})"),
            Self::Postgres => format!("greatest({one}, {other})"),
        }
    }

    /// By which index a table is looked at, where the database is told that: PostgreSQL decides by what it knows of the table.
    pub(in crate::store) fn indexed_by(self, index: &str) -> String {
        match self {
            Self::Sqlite => format!(" INDEXED BY {index}"),
            Self::Postgres => String::new(),
        }
    }

    /// Does the database make ready all that a statement finds, unless it is told not to? SQLite gives row by row, and sorts
    /// nothing that an index gives in order.
    pub(in crate::store) fn makes_all_ready(self) -> bool {
        self == Self::Postgres
    }

    /// That at most so many rows are wanted, for a database that has to be told.
    pub(in crate::store) fn at_most(self, most: usize) -> String {
        if self.makes_all_ready() { format!(" LIMIT {most}") } else { String::new() }
    }

    /// The statement for how many bytes the database has.
    pub(in crate::store) fn size(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            Self::Postgres => "SELECT pg_database_size(current_database())",
        }
    }
}
