//! Connections: some that read, one that writes, each made anew where it was lost.

use std::sync::Arc;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool as Objects, RecyclingMethod, Runtime};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage, Statement};

use super::limits::DatabaseLimits;
use super::tls::{MakeConnector, client_config};
use super::url::{DatabaseUrl, TlsMode};
use crate::error::{Error, Result};

/// How many statements a connection has prepared at most.
const MAX_STATEMENTS: usize = 500;

/// A value that is sent to the database.
pub(super) type Parameter<'v> = &'v (dyn ToSql + Sync);

/// Connections of one kind.
#[derive(Debug)]
pub(super) struct Pool(Objects);

/// A connection; it goes back to its pool when it is dropped. Statements are prepared once each and known by their text.
///
/// Several statements whose futures are awaited together (`tokio::join!`) are sent together, and are done in the order in
/// which they were polled first.
#[derive(Debug)]
pub(super) struct Connection(Object);

impl Pool {
    /// No more than so many connections to this database, with these settings of a session. None is made yet.
    pub(super) fn new(url: &DatabaseUrl, options: &str, most: usize, limits: &DatabaseLimits) -> Result<Self> {
        let config = url.with_options(options, limits);
        // What a session held is gone with its transaction: nothing has to be cleaned up.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &url.tls {
            TlsMode::Disable => Manager::from_config(config, NoTls, recycling),
            mode => Manager::from_config(config, MakeConnector(Arc::new(client_config(mode)?)), recycling),
        };
        let pool = Objects::builder(manager)
            .max_size(most)
            .wait_timeout(Some(limits.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(Error::fault)?;
        Ok(Self(pool))
    }

    /// A connection, a new one where none is free.
    pub(super) async fn connection(&self) -> Result<Connection> {
        Ok(Connection(self.0.get().await?))
    }
}

impl Connection {
    /// The rows that a statement gives.
    pub(super) async fn query(&self, sql: &str, values: &[Parameter<'_>]) -> Result<Vec<Row>> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query(&statement, values).await?)
    }

    /// The row that a statement gives, if it gives any.
    pub(super) async fn query_opt(&self, sql: &str, values: &[Parameter<'_>]) -> Result<Option<Row>> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// The one row that a statement gives.
    pub(super) async fn query_one(&self, sql: &str, values: &[Parameter<'_>]) -> Result<Row> {
        let row = self.query_opt(sql, values).await?;
        row.ok_or_else(|| Error::fault("the database gave no row where it always has one"))
    }

    /// How many rows a statement changed.
    pub(super) async fn execute(&self, sql: &str, values: &[Parameter<'_>]) -> Result<u64> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, values).await?)
    }

    /// Does several statements without values.
    pub(super) async fn batch(&self, sql: &str) -> Result<()> {
        Ok(self.0.batch_execute(sql).await?)
    }

    /// Does several statements without values; gives the one word that the last of them finds, if it finds any.
    pub(super) async fn word(&self, sql: &str) -> Result<Option<String>> {
        let found = self.0.simple_query(sql).await?;
        Ok(found.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// The statement of this text, for values of these types.
    pub(super) async fn prepare(
        &self,
        sql: &str,
        types: &[Type],
    ) -> std::result::Result<Statement, tokio_postgres::Error> {
        // Searches of all kinds have texts of all kinds; the server keeps each.
        if self.0.statement_cache.size() >= MAX_STATEMENTS {
            self.0.statement_cache.clear();
        }
        self.0.prepare_typed_cached(sql, types).await
    }

    /// What statements are sent by.
    pub(super) fn client(&self) -> &Client {
        &self.0
    }

    /// Closes the connection instead of giving it back: what it stands in is not known.
    pub(super) fn discard(self) {
        drop(Object::take(self.0));
    }
}
