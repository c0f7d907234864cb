//! A label set that is being written, shard by shard, by one job or by several that share its folder.

use crate::{
    Error, FeatureManifest, LabelLayout, LabelManifest, LabelRow, ShardInfo, encode_label_shard,
    publish_shard, shard_file,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stentor_store::{Put, Store};

/// Name of the object that says whose labels a folder has.
const TICKET: &str = "job.json";

/// Identifies the labels of a folder; written once, so that two different jobs cannot share a folder.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ticket {
    teacher: String,
    features: String,
    top_k: usize,
}

/// Labels of a feature set that are being written into a folder. Shards are published one by one, each with a record that says that it
/// is complete; a job that is started again finds what is done, and so do others that write other shards.
#[derive(Debug)]
pub struct LabelJob<'a> {
    store: Store,
    ticket: Ticket,
    features: &'a FeatureManifest,
}

/// A folder for labels.
#[derive(Debug)]
pub enum Claim<'a> {
    /// It is this job's.
    Ours(LabelJob<'a>),
    /// It has other labels; says which.
    Others(String),
}

impl<'a> LabelJob<'a> {
    /// Claims a folder for labels of these features, `top_k` of each frame. `teacher` identifies what makes the labels.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn claim(
        store: Store,
        teacher: &str,
        features: &'a FeatureManifest,
        top_k: usize,
    ) -> Result<Claim<'a>, Error> {
        let ticket = Ticket { teacher: teacher.to_owned(), features: features.fingerprint.clone(), top_k };
        let json = serde_json::to_vec(&ticket).unwrap_or_default();
        if store.put_once(TICKET, Bytes::from(json)).await? != Put::Created {
            let there: Option<Ticket> = serde_json::from_slice(&store.get(TICKET).await?).ok();
            if there.as_ref() != Some(&ticket) {
                return Ok(Claim::Others(there.map_or_else(
                    || format!("an unreadable {TICKET}"),
                    |t| format!("teacher {} for features {}, top {}", t.teacher, t.features, t.top_k),
                )));
            }
        }
        store.sweep("part-").await;
        Ok(Claim::Ours(Self { store, ticket, features }))
    }

    /// Whether a shard is complete.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has(&self, shard: usize) -> Result<bool, Error> {
        Ok(self.store.exists(&record(shard)).await?)
    }

    /// Publishes the labels of a shard, row group by row group.
    ///
    /// # Errors
    /// [`Error::Row`], [`Error::AlreadyPublished`], [`Error::Store`].
    pub async fn publish(&self, shard: usize, labels: &[Vec<LabelRow>]) -> Result<ShardInfo, Error> {
        let layout = LabelLayout { top_k: self.ticket.top_k, senones: self.features.senones.len() };
        let (bytes, info) = encode_label_shard(&shard_file(shard), labels, layout)?;
        publish_shard(&self.store, &info.file, bytes).await?;
        let json = serde_json::to_vec(&info).unwrap_or_default();
        // The record is written last: a shard without it is labeled again, to the same bytes.
        self.store.put(&record(shard), json.into()).await?;
        Ok(info)
    }

    /// The shards that are complete, by any job, up to the first that is not; if all are, the manifest is published.
    ///
    /// # Errors
    /// [`Error::NotAPair`], [`Error::ManifestContent`], [`Error::AlreadyPublished`], [`Error::Store`].
    pub async fn conclude(self) -> Result<(Vec<ShardInfo>, Option<LabelManifest>), Error> {
        let total = self.features.shards.len();
        let infos = self.complete(total).await?;
        if infos.len() < total {
            return Ok((infos, None));
        }
        let Ticket { teacher, top_k, .. } = self.ticket;
        let senones = self.features.senones.clone();
        let manifest = LabelManifest::new(teacher, self.features, top_k, senones, infos.clone())?;
        manifest.publish(&self.store).await?;
        Ok((infos, Some(manifest)))
    }

    async fn complete(&self, total: usize) -> Result<Vec<ShardInfo>, Error> {
        let mut infos = Vec::with_capacity(total);
        for shard in 0..total {
            if !self.has(shard).await? {
                break;
            }
            match serde_json::from_slice(&self.store.get(&record(shard)).await?) {
                Ok(info) => infos.push(info),
                Err(error) => {
                    tracing::warn!(shard, %error, "the record cannot be read: the shard will be labeled again");
                    self.store.delete(&record(shard)).await?;
                    break;
                }
            }
        }
        Ok(infos)
    }
}

/// The name of the record that says that a shard is complete.
fn record(shard: usize) -> String {
    format!("shards/{shard:05}.json")
}
