//! Published plugins, their signatures, and the active plugin of each diagnosis.

use std::collections::{BTreeMap, HashMap};

use easysight_protocol::{Activation, KeySignature, PluginSignature, PublishedPlugin};
use serde_json::{Value, json};

use crate::{
    Acting, Store, StoreError,
    audit::{Fields, fields},
    db::{Connection, Row, query},
    query::{json, maybe_text, text, time_of},
    shadows,
};

impl Acting<'_> {
    /// Records a plugin whose bytes are stored. Returns false if its digest is already known.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError::Conflict`] if the name and version belong to another digest, or another error if the
    /// database fails.
    pub async fn publish(&self, plugin: PublishedPlugin) -> Result<bool, StoreError> {
        let published_at = plugin.published_at.timestamp_millis();
        let entry = self.entry("plugin.publish", "plugin", &plugin.digest, published_at).after(fields([
            ("name", json!(plugin.name)),
            ("version", json!(plugin.version)),
            ("size_bytes", json!(plugin.size_bytes)),
        ]));
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let known = query("SELECT digest FROM plugins WHERE digest = $1")
                        .bind(&plugin.digest)
                        .fetch_optional(&mut *connection)
                        .await?;
                    if known.is_some() {
                        return Ok(false);
                    }
                    let made = query(
                        "INSERT INTO plugins (digest, name, version, document, published_at) \
                         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name, version) DO NOTHING",
                    )
                    .bind(&plugin.digest)
                    .bind(&plugin.name)
                    .bind(&plugin.version)
                    .bind(serde_json::to_string(&plugin)?)
                    .bind(published_at)
                    .execute(&mut *connection)
                    .await?;
                    if made.rows_affected() == 0 {
                        let detail = format!(
                            "{} {} is published already with other bytes; give the plugin a new version",
                            plugin.name, plugin.version
                        );
                        return Err(StoreError::Conflict(detail.into()));
                    }
                    entry.write(connection).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Stores the signatures of a published plugin. The latest signature of each key counts.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn add_signatures(&self, signed: PluginSignature, now: i64) -> Result<(), StoreError> {
        let entry = self.entry("plugin.sign", "plugin", &signed.digest, now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "INSERT INTO plugin_signatures (digest, key, descriptor, signature) \
                               VALUES ($1, $2, $3, $4) ON CONFLICT (digest, key) DO UPDATE SET \
                               descriptor = excluded.descriptor, signature = excluded.signature \
                               WHERE plugin_signatures.descriptor <> excluded.descriptor \
                               OR plugin_signatures.signature <> excluded.signature";
                    let mut keys = Vec::new();
                    for one in signed.signatures {
                        let added = query(sql)
                            .bind(&signed.digest)
                            .bind(&one.key)
                            .bind(one.descriptor)
                            .bind(one.signature)
                            .execute(&mut *connection)
                            .await?;
                        if added.rows_affected() > 0 {
                            keys.push(one.key);
                        }
                    }
                    if keys.is_empty() {
                        return Ok(());
                    }
                    entry.after(fields([("signed_by", json!(keys))])).write(connection).await
                })
            })
            .await
    }
}

impl Store {
    /// Returns the signatures of a plugin, sorted by key. The list is empty if there is no such plugin.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn signatures(&self, digest: &str) -> Result<PluginSignature, StoreError> {
        let sql = "SELECT key, descriptor, signature FROM plugin_signatures WHERE digest = $1 ORDER BY key";
        let rows = query(sql).bind(digest).fetch_all(&self.readers).await?;
        let read = |row| {
            let (key, descriptor) = (text(row, "key")?, text(row, "descriptor")?);
            Ok(KeySignature { key, descriptor, signature: text(row, "signature")? })
        };
        let signatures = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok(PluginSignature { digest: digest.to_owned(), signatures })
    }

    /// Returns all plugins, sorted by name, the latest of each name first, with the diagnoses for which they are
    /// active.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn plugins(&self) -> Result<Vec<PublishedPlugin>, StoreError> {
        let sql = "SELECT document FROM plugins ORDER BY name, published_at DESC";
        let rows = query(sql).fetch_all(&self.readers).await?;
        let active = self.activations().await?;
        let shadows = self.shadows().await?;
        let mut signers: HashMap<String, Vec<String>> = HashMap::new();
        let sql = "SELECT digest, key FROM plugin_signatures ORDER BY digest, key";
        for row in &query(sql).fetch_all(&self.readers).await? {
            signers.entry(text(row, "digest")?).or_default().push(text(row, "key")?);
        }
        rows.iter()
            .map(|row| {
                let mut plugin: PublishedPlugin = json(row, "document")?;
                let serves = |one: &&Activation| one.digest.as_ref() == Some(&plugin.digest);
                plugin.active_for = active.iter().filter(serves).map(|one| one.diagnosis.clone()).collect();
                let shadows = shadows.iter().filter(|shadow| shadow.digest == plugin.digest);
                plugin.shadow_for = shadows.map(|shadow| shadow.diagnosis.clone()).collect();
                plugin.signed_by = signers.remove(&plugin.digest).unwrap_or_default();
                Ok(plugin)
            })
            .collect()
    }

    /// Returns the latest activation or deactivation of each diagnosis, sorted by diagnosis.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn activations(&self) -> Result<Vec<Activation>, StoreError> {
        let sql = "SELECT a.diagnosis AS diagnosis, a.digest AS digest, a.activated_at AS activated_at \
                   FROM activations a WHERE a.sequence = \
                   (SELECT MAX(b.sequence) FROM activations b WHERE b.diagnosis = a.diagnosis) ORDER BY a.diagnosis";
        query(sql).fetch_all(&self.readers).await?.iter().map(read).collect()
    }
}

impl Acting<'_> {
    /// Activates a plugin for these diagnoses. Without a digest, the diagnoses have no active plugin afterwards.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn activate(
        &self,
        diagnoses: Vec<String>,
        digest: Option<String>,
        now: i64,
    ) -> Result<(), StoreError> {
        let action = if digest.is_some() { "plugin.activate" } else { "plugin.deactivate" };
        let entry = self.entry_of_many(action, "plugin", now);
        self.store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    if diagnoses.is_empty() {
                        return Ok(());
                    }
                    let mut before = BTreeMap::new();
                    for diagnosis in &diagnoses {
                        let was = active(connection, diagnosis).await?;
                        append(connection, diagnosis, digest.as_deref(), now).await?;
                        // A request may name a diagnosis twice. What was active before the request counts.
                        before.entry(diagnosis.clone()).or_insert(was);
                    }
                    let after = diagnoses.iter().map(|diagnosis| (diagnosis.clone(), digest.clone()));
                    let plugin = digest.clone().or_else(|| before.values().flatten().next().cloned());
                    let after = for_diagnoses(&after.collect());
                    entry.about(plugin).before(for_diagnoses(&before)).after(after).write(connection).await?;
                    // A plugin that is active for a diagnosis is not its candidate any more.
                    match digest {
                        Some(digest) => shadows::end(connection, &digest, &diagnoses).await.map(|_| ()),
                        None => Ok(()),
                    }
                })
            })
            .await
    }

    /// Activates the plugin that was active for a diagnosis before the current one. Returns None if no other plugin
    /// was active before, or if no plugin is active now. A second call activates the plugin that was active before the
    /// restored one.
    ///
    /// # Errors
    ///
    /// Returns an error if the database fails.
    pub async fn roll_back(&self, diagnosis: String, now: i64) -> Result<Option<Activation>, StoreError> {
        let name = diagnosis.clone();
        let entry = self.entry_of_many("plugin.roll_back", "plugin", now);
        let rolled = self
            .store
            .writer
            .run(move |connection| {
                Box::pin(async move {
                    let sql = "SELECT digest FROM activations WHERE diagnosis = $1 ORDER BY sequence DESC LIMIT 1000";
                    let rows = query(sql).bind(&diagnosis).fetch_all(&mut *connection).await?;
                    let history = rows.iter().map(|row| maybe_text(row, "digest")).collect::<Result<Vec<_>, _>>()?;
                    // The history is sorted latest first. A plugin that was restored appears in it again. So the
                    // search for the plugin before the current one begins at the current one's first activation.
                    let Some(Some(current)) = history.first() else { return Ok(false) };
                    let first = history.iter().rposition(|one| one.as_ref() == Some(current)).unwrap_or(0);
                    let before = history.iter().skip(first + 1).flatten().next().cloned();
                    let Some(before) = before else { return Ok(false) };
                    append(connection, &diagnosis, Some(&before), now).await?;
                    let active = |digest: &String| {
                        for_diagnoses(&BTreeMap::from([(diagnosis.clone(), Some(digest.clone()))]))
                    };
                    let entry = entry.before(active(current)).after(active(&before));
                    entry.about(Some(before)).write(connection).await?;
                    Ok(true)
                })
            })
            .await?;
        if !rolled {
            return Ok(None);
        }
        Ok(self.store.activations().await?.into_iter().find(|one| one.diagnosis == name))
    }
}

/// Returns the digest of the plugin that is active for a diagnosis.
async fn active(connection: &mut Connection, diagnosis: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT digest FROM activations WHERE diagnosis = $1 ORDER BY sequence DESC LIMIT 1";
    let row = query(sql).bind(diagnosis).fetch_optional(connection).await?;
    Ok(row.as_ref().map(|row| maybe_text(row, "digest")).transpose()?.flatten())
}

/// Returns the active plugins of diagnoses as fields: the digest of each, or null where no plugin is active.
fn for_diagnoses(active: &BTreeMap<String, Option<String>>) -> Fields {
    active.iter().map(|(diagnosis, digest)| (diagnosis.clone(), Value::from(digest.clone()))).collect()
}

async fn append(
    connection: &mut Connection,
    diagnosis: &str,
    digest: Option<&str>,
    now: i64,
) -> Result<(), StoreError> {
    let sql = "SELECT MAX(sequence) AS last FROM activations WHERE diagnosis = $1";
    let row = query(sql).bind(diagnosis).fetch_one(&mut *connection).await?;
    let last = row.try_get::<Option<i64>>("last")?.unwrap_or(0);
    let sql = "INSERT INTO activations (diagnosis, sequence, digest, activated_at) VALUES ($1, $2, $3, $4)";
    query(sql).bind(diagnosis).bind(last + 1).bind(digest).bind(now).execute(connection).await?;
    Ok(())
}

fn read(row: &Row) -> Result<Activation, StoreError> {
    Ok(Activation {
        diagnosis: text(row, "diagnosis")?,
        digest: maybe_text(row, "digest")?,
        activated_at: time_of(row, "activated_at")?,
    })
}
