//! How many resources have a code, of parameters for which that is asked all the time: kept in the transaction of each
//! change, so that whoever asks looks at one row, however many there are.

use crate::error::Result;
use crate::store::query::{Clause, Condition, Query, Subject, SystemTest, Test};

use super::{Ask, Database, keys, values};
use crate::store::index_ids::Index;

/// How many resources match, where that is kept: of a search for one code of one system alone.
pub(in crate::store) fn matches(connection: &dyn Database, index: &Index, query: &Query) -> Result<Option<u64>> {
    let [Clause { subject: Subject::Parameter(number), test: Test::Any(any) }] = query.clauses.as_slice() else {
        return Ok(None);
    };
    let [Condition::Token { system: SystemTest::Is(system), code: Some(code) }] = any.as_slice() else {
        return Ok(None);
    };
    if !index.counted.contains(number) {
        return Ok(None);
    }
    let Some(system) = keys::system(connection, system)? else { return Ok(Some(0)) };
    let sql = "SELECT resources FROM counted WHERE parameter = ?1 AND value = ?2 AND system = ?3";
    Ok(Some(connection.number(sql, values![index.id(*number), code, system])?.unsigned_abs()))
}
