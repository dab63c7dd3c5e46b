//! Who may call: tokens, the password, links that log in once, and the browsers that are logged in.
//!
//! It is given hashes and never sees a secret. What a secret must look like, and how it is compared, is
//! [`security`](crate::server::security)'s.

use sqlx::FromRow;

use super::{Store, StoreError, Stored, Timestamp};

/// What a browser showed to be logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The token that the server was configured with.
    Configured,
    /// A token of this name.
    Token(String),
    Password,
    /// A link that works once.
    Link,
}

impl Grant {
    fn stored(&self) -> String {
        match self {
            Self::Configured => "configured".into(),
            Self::Token(name) => format!("token {name}"),
            Self::Password => "password".into(),
            Self::Link => "link".into(),
        }
    }
}

/// A token, as it can be shown.
#[derive(Clone, Debug, FromRow)]
pub struct TokenRow {
    pub name: String,
    created_at: i64,
}

impl TokenRow {
    pub fn created_at(&self) -> Timestamp {
        Timestamp::from_millis(self.created_at)
    }
}

impl Store {
    /// Whether there is a token or a password: whoever made one wants it asked for.
    pub async fn has_credentials(&self) -> Stored<bool> {
        let count: i64 =
            sqlx::query_scalar("select (select count(*) from access_tokens) + (select count(*) from access_password)")
                .fetch_one(self.reader())
                .await?;
        Ok(count > 0)
    }

    /// `Conflict` where there is one of this name.
    pub async fn add_token(&self, name: &str, hash: &str, now: Timestamp) -> Stored<()> {
        self.write(
            sqlx::query("insert into access_tokens (name, hash, created_at) values ($1, $2, $3)")
                .bind(name)
                .bind(hash)
                .bind(now.as_millis()),
        )
        .await?;
        Ok(())
    }

    /// By name.
    pub async fn tokens(&self) -> Stored<Vec<TokenRow>> {
        Ok(sqlx::query_as("select name, created_at from access_tokens order by name").fetch_all(self.reader()).await?)
    }

    /// Whose token has this hash.
    pub async fn token_of(&self, hash: &str) -> Stored<Option<String>> {
        let name = sqlx::query_scalar("select name from access_tokens where hash = $1").bind(hash);
        Ok(name.fetch_optional(self.reader()).await?)
    }

    /// With the token go the sessions that it opened.
    pub async fn revoke_token(&self, name: &str) -> Stored<()> {
        let mut tx = self.begin_write().await?;
        let removed = sqlx::query("delete from access_tokens where name = $1").bind(name).execute(&mut *tx).await?;
        if removed.rows_affected() == 0 {
            return Err(StoreError::NotFound("token"));
        }
        sqlx::query("delete from access_sessions where granted_by = $1")
            .bind(Grant::Token(name.into()).stored())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// The password's argon2id string.
    pub async fn password(&self) -> Stored<Option<String>> {
        Ok(sqlx::query_scalar("select hash from access_password").fetch_optional(self.reader()).await?)
    }

    /// With the old password go the sessions that it opened. `None`: there is no password any more.
    pub async fn set_password(&self, hash: Option<&str>, now: Timestamp) -> Stored<()> {
        let mut tx = self.begin_write().await?;
        sqlx::query("delete from access_password").execute(&mut *tx).await?;
        if let Some(hash) = hash {
            sqlx::query("insert into access_password (id, hash, set_at) values (1, $1, $2)")
                .bind(hash)
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query("delete from access_sessions where granted_by = $1")
            .bind(Grant::Password.stored())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// Also forgets the links whose time has passed.
    pub async fn add_link(&self, hash: &str, now: Timestamp, expires_at: Timestamp) -> Stored<()> {
        let mut tx = self.begin_write().await?;
        sqlx::query("delete from access_links where expires_at <= $1").bind(now.as_millis()).execute(&mut *tx).await?;
        sqlx::query("insert into access_links (hash, expires_at) values ($1, $2)")
            .bind(hash)
            .bind(expires_at.as_millis())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// Whether the link may still be used. It is used up by this: of two who ask, one hears yes.
    pub async fn take_link(&self, hash: &str, now: Timestamp) -> Stored<bool> {
        let taken = self
            .write(
                sqlx::query("delete from access_links where hash = $1 and expires_at > $2")
                    .bind(hash)
                    .bind(now.as_millis()),
            )
            .await?;
        Ok(taken.rows_affected() > 0)
    }

    /// Also forgets the sessions whose time has passed.
    pub async fn open_session(&self, hash: &str, grant: &Grant, now: Timestamp, expires_at: Timestamp) -> Stored<()> {
        let mut tx = self.begin_write().await?;
        sqlx::query("delete from access_sessions where expires_at <= $1")
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into access_sessions (hash, granted_by, created_at, expires_at) values ($1, $2, $3, $4)")
            .bind(hash)
            .bind(grant.stored())
            .bind(now.as_millis())
            .bind(expires_at.as_millis())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    pub async fn has_session(&self, hash: &str, now: Timestamp) -> Stored<bool> {
        let count: i64 = sqlx::query_scalar("select count(*) from access_sessions where hash = $1 and expires_at > $2")
            .bind(hash)
            .bind(now.as_millis())
            .fetch_one(self.reader())
            .await?;
        Ok(count > 0)
    }

    pub async fn end_session(&self, hash: &str) -> Stored<()> {
        self.write(sqlx::query("delete from access_sessions where hash = $1").bind(hash)).await?;
        Ok(())
    }
}
