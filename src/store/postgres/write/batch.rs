//! Statements that are sent together and done in their order: one way there and back for all of them.

use tokio_postgres::types::ToSql;

/// A value that is sent with a statement.
pub(in crate::store) type OwnedValue<'v> = Box<dyn ToSql + Sync + 'v>;

/// See the module head.
#[derive(Default)]
pub(in crate::store) struct Batch<'v> {
    pub(super) statements: Vec<(&'static str, Vec<OwnedValue<'v>>)>,
}

impl<'v> Batch<'v> {
    /// One more statement; gives its place among them.
    pub(in crate::store) fn add(&mut self, sql: &'static str, values: Vec<OwnedValue<'v>>) -> usize {
        self.statements.push((sql, values));
        self.statements.len() - 1
    }

    /// One more statement for rows, if there are any. It is given each of their columns as an array (`$1`, `$2`, ...), of which
    /// `unnest` makes rows again, and these values behind them.
    pub(super) fn add_rows<R: ColumnsOf<'v>>(
        &mut self,
        sql: &'static str,
        rows: impl IntoIterator<Item = R>,
        values: Vec<OwnedValue<'v>>,
    ) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_some() {
            let mut all = R::columns(rows);
            all.extend(values);
            self.add(sql, all);
        }
    }

    /// Is there nothing to do?
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

/// The values of a statement of a [`Batch`].
macro_rules! owned {
    ($($value:expr),* $(,)?) => { vec![$(Box::new($value) as Box<dyn tokio_postgres::types::ToSql + Sync + '_>),*] };
}
pub(in crate::store) use owned;

/// A row, as a tuple.
pub(super) trait ColumnsOf<'v>: Sized {
    /// The columns that the rows stand in, an array each.
    fn columns(rows: impl Iterator<Item = Self>) -> Vec<OwnedValue<'v>>;
}

macro_rules! columns_of {
    ($($column:ident $name:ident),+) => {
        impl<'v, $($column: ToSql + Sync + 'v),+> ColumnsOf<'v> for ($($column,)+) {
            fn columns(rows: impl Iterator<Item = Self>) -> Vec<OwnedValue<'v>> {
                let ($($name,)+): ($(Vec<$column>,)+) = rows.collect();
                owned![$($name),+]
            }
        }
    };
}
columns_of!(A a, B b);
columns_of!(A a, B b, C c);
columns_of!(A a, B b, C c, D d);
columns_of!(A a, B b, C c, D d, E e);
columns_of!(A a, B b, C c, D d, E e, F f);
columns_of!(A a, B b, C c, D d, E e, F f, G g);
columns_of!(A a, B b, C c, D d, E e, F f, G g, H h, I i);
