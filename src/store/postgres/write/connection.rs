//! The connection that writes.

use tokio::runtime::Handle;

use super::blocking::BlockingConnection;
use crate::error::Result;
use crate::store::postgres::connection::Pool;

/// The connection that writes, made anew where it was lost.
pub(in crate::store) struct WriterConnection {
    pool: Pool,
    io: Handle,
    connection: Option<BlockingConnection>,
}

impl WriterConnection {
    /// None is made while there is one.
    pub(in crate::store) fn new(pool: Pool, io: Handle) -> Self {
        Self { pool, io, connection: None }
    }

    /// What carries its traffic.
    pub(super) fn io(&self) -> Handle {
        self.io.clone()
    }

    /// The connection, a new one where it was lost.
    pub(super) fn connection(&mut self) -> Result<&BlockingConnection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let made = self.io.block_on(self.pool.connection())?;
                BlockingConnection::new(made, self.io.clone())
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// What the connection stands in is not known: the next one is another.
    pub(super) fn lose(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.discard();
        }
    }

    /// What the database says of a transaction; none where it cannot be asked.
    pub(super) fn transaction_status(&mut self, transaction: &str) -> Option<String> {
        let sql = "SELECT coalesce(pg_xact_status($1::text::xid8), 'forgotten')";
        let row = self.connection().and_then(|connection| connection.query_one(sql, &[&transaction]));
        match row.and_then(|row| Ok(row.try_get(0)?)) {
            Ok(status) => Some(status),
            Err(_) => {
                self.lose();
                None
            }
        }
    }
}
