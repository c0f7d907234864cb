//! Objects by name: one door to local folders and to object stores, with atomic writes.
//!
//! Shards, labels and checkpoints are all kept through [`Store`]. Every write appears whole or not at all;
//! [`Store::put_once`] makes publication idempotent on every kind of store, for it is the one conditional write
//! that all of them know. What is read from stores on the network may be kept in a [`Cache`].

mod cache;
mod error;
mod location;
mod remote;

pub use cache::{Cache, parse_size};
pub use error::Error;

use bytes::Bytes;
use cache::Key;
use futures::TryStreamExt;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path,
};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A folder in an object store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Path within `objects`, without slashes at its ends; validated with each name.
    prefix: String,
    location: String,
    /// Only for stores on the network.
    cache: Option<Cache>,
    /// Of objects whose ranges were read through the cache.
    versions: Arc<Mutex<HashMap<String, Version>>>,
    is_remote: bool,
}

/// What tells an object from another one that had its name before.
#[derive(Debug, Clone)]
struct Version {
    /// The store's own tag, by which it can be asked for this very object. Some stores have none.
    tag: Option<String>,
    /// The tag, or what stands for it.
    name: String,
}

/// Pauses before a write whose outcome is unknown is tried again.
const UNKNOWN_OUTCOME: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// What [`Store::put_once`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is new and is ours.
    Created,
    /// Somebody, perhaps an earlier try of ours, had written it; it was left as it was.
    AlreadyThere,
}

impl Store {
    /// Opens `location`: a relative or absolute folder, or a URL: `file://`, `s3://`, `gs://`, `az://`. Reads and writes
    /// nothing; a local folder appears with the first object put into it. Credentials and endpoints of stores on the network
    /// come from the variables and services from which the provider's own programs take them.
    ///
    /// # Errors
    /// [`Error::Location`] when the location cannot be understood, or a setting is missing.
    pub fn open(location: &str) -> Result<Store, Error> {
        let settings: Vec<_> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        Store::open_with(location, &settings)
    }

    /// As [`Store::open`], with `settings` in place of the process's environment.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(location: &str, settings: &[(String, String)]) -> Result<Store, Error> {
        let location::Opened { objects, path, is_remote } = location::open(location, settings)?;
        let shown = match location.trim_end_matches('/') {
            "" => "/",
            trimmed => trimmed,
        };
        Ok(Store { prefix: path.into(), is_remote, ..Store::over(objects, shown) })
    }

    /// A store over `objects`, for tests and for stores opened elsewhere; `location` is used in messages only.
    #[must_use]
    pub fn over(objects: Arc<dyn ObjectStore>, location: &str) -> Store {
        Store {
            objects,
            prefix: String::new(),
            location: location.to_owned(),
            cache: None,
            versions: Arc::default(),
            is_remote: false,
        }
    }

    /// This store, with ranges read through `cache` where it is on the network.
    #[must_use]
    pub fn through(self, cache: Option<&Cache>) -> Store {
        Store { cache: cache.filter(|_| self.is_remote).cloned(), ..self }
    }

    /// An empty store that lives in memory, for tests.
    #[must_use]
    pub fn in_memory() -> Store {
        Self::over(Arc::new(object_store::memory::InMemory::new()), "memory")
    }

    /// Where this store is, as it was named, for messages.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The folder `name` within this one; it need not exist.
    #[must_use]
    pub fn child(&self, name: &str) -> Store {
        let name = name.trim_matches('/');
        Store { prefix: join(&self.prefix, name), location: join(&self.location, name), ..self.clone() }
    }

    /// All bytes of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Unavailable`].
    pub async fn get(&self, name: &str) -> Result<Bytes, Error> {
        let path = self.path(name)?;
        let reading = |e| self.error("read", name, &e);
        self.objects
            .get_opts(&path, GetOptions::default())
            .await
            .map_err(reading)?
            .bytes()
            .await
            .map_err(reading)
    }

    /// The bytes `range` of an object: exactly as many as asked for.
    ///
    /// # Errors
    /// [`Error::Range`] when the object is too short, else as [`Store::get`].
    pub async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        match &self.cache {
            Some(cache) if range.start < range.end => {
                let version = self.version(name).await?;
                let key = Key::new(&self.place(name), &version.name, &range);
                match cache.get(&key).await {
                    Some(bytes) if bytes.len() as u64 == range.end - range.start => Ok(bytes),
                    _ => self.fetch_into(cache, name, range).await,
                }
            }
            _ => self.fetch(name, range, None).await,
        }
    }

    /// As [`Store::get_range`], but from the store itself, whatever a cache holds.
    ///
    /// # Errors
    /// As [`Store::get_range`].
    pub async fn get_range_afresh(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        match &self.cache {
            Some(cache) if range.start < range.end => {
                self.forget_version(name)?;
                self.fetch_into(cache, name, range).await
            }
            _ => self.fetch(name, range, None).await,
        }
    }

    /// Fetches a range and keeps it. What comes is of the version under which it is kept, or nothing comes.
    async fn fetch_into(&self, cache: &Cache, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let mut version = self.version(name).await?;
        let mut fetched = self.fetch(name, range.clone(), version.tag.clone()).await;
        if fetched.is_err() {
            // Replaced meanwhile, or gone: its version tells.
            self.forget_version(name)?;
            version = self.version(name).await?;
            fetched = self.fetch(name, range.clone(), version.tag.clone()).await;
        }
        let bytes = fetched?;
        cache.put(&Key::new(&self.place(name), &version.name, &range), bytes.clone()).await;
        Ok(bytes)
    }

    async fn version(&self, name: &str) -> Result<Version, Error> {
        let path = self.path(name)?;
        if let Some(known) = self.versions().get(path.as_ref()) {
            return Ok(known.clone());
        }
        let found = self.objects.head(&path).await.map_err(|e| self.error("read", name, &e))?;
        let name = found.e_tag.clone().unwrap_or_else(|| format!("{} {}", found.last_modified, found.size));
        let version = Version { tag: found.e_tag, name };
        self.versions().insert(path.into(), version.clone());
        Ok(version)
    }

    fn forget_version(&self, name: &str) -> Result<(), Error> {
        self.versions().remove(self.path(name)?.as_ref());
        Ok(())
    }

    fn versions(&self) -> std::sync::MutexGuard<'_, HashMap<String, Version>> {
        // A poisoned lock still holds a whole map.
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the store itself; only of the object with `tag`, where there is one.
    async fn fetch(&self, name: &str, range: Range<u64>, tag: Option<String>) -> Result<Bytes, Error> {
        let path = self.path(name)?;
        let beyond =
            |size| Error::Range { location: self.place(name), start: range.start, end: range.end, size };
        if range.start >= range.end {
            // Stores disagree on empty ranges; only ask whether the object reaches so far.
            let size = self.size(name).await?;
            return if range.start == range.end && range.end <= size {
                Ok(Bytes::new())
            } else {
                Err(beyond(size))
            };
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: tag,
            ..GetOptions::default()
        };
        let got = match self.objects.get_opts(&path, options).await {
            Ok(answer) => answer.bytes().await,
            Err(problem) => Err(problem),
        };
        let problem = match got {
            Ok(bytes) if bytes.len() as u64 == range.end - range.start => return Ok(bytes),
            Ok(_) => None,
            Err(problem) => Some(problem),
        };
        let size = self.size(name).await?;
        match problem {
            Some(problem) if range.end <= size => Err(self.error("read", name, &problem)),
            _ => Err(beyond(size)),
        }
    }

    /// An object's size in bytes.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn size(&self, name: &str) -> Result<u64, Error> {
        let path = self.path(name)?;
        Ok(self.objects.head(&path).await.map_err(|e| self.error("read", name, &e))?.size)
    }

    /// Whether there is an object of this name; a folder is none.
    ///
    /// # Errors
    /// As [`Store::get`], less [`Error::NotFound`].
    pub async fn exists(&self, name: &str) -> Result<bool, Error> {
        match self.size(name).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Writes an object unless there is one of this name: atomic, and safe to repeat. In a race one caller gets
    /// [`Put::Created`] and all others [`Put::AlreadyThere`]. Where a store on the network does not say what came of it, it is
    /// tried again: the object may then be there already.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Denied`], [`Error::Unavailable`].
    pub async fn put_once(&self, name: &str, bytes: Bytes) -> Result<Put, Error> {
        let path = self.path(name)?;
        let mut pauses = UNKNOWN_OUTCOME.iter().filter(|_| self.is_remote);
        loop {
            let create = PutOptions::from(PutMode::Create);
            let problem =
                match self.objects.put_opts(&path, PutPayload::from_bytes(bytes.clone()), create).await {
                    Ok(_) => return Ok(Put::Created),
                    Err(
                        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
                    ) => return Ok(Put::AlreadyThere),
                    Err(problem) => self.error("write", name, &problem),
                };
            match pauses.next().filter(|_| problem.is_retryable()) {
                Some(pause) => {
                    tracing::warn!(%problem, ?pause, "trying again");
                    tokio::time::sleep(*pause).await;
                }
                None => return Err(problem),
            }
        }
    }

    /// Writes an object, in place of an earlier one if there is one. Atomic: a reader sees the old bytes or the new.
    ///
    /// # Errors
    /// As [`Store::put_once`].
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error> {
        let path = self.path(name)?;
        let written = self.objects.put(&path, PutPayload::from_bytes(bytes)).await;
        written.map(drop).map_err(|e| self.error("write", name, &e))
    }

    /// Names of all objects that begin with `prefix` (empty: all), at any depth, relative to this store, sorted.
    /// A folder that does not exist has no objects.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Denied`], [`Error::Unavailable`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        // Object stores list by whole path segments; what follows the last slash is ours to filter.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = Path::parse(join(&self.prefix, folder)).map_err(|e| self.bad_name(prefix, &e))?;
        let listing = self.objects.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let found = match listing {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(problem) => return Err(self.error("list", prefix, &problem)),
        };
        let own = if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) };
        let mut names: Vec<String> = found
            .iter()
            .filter_map(|object| object.location.as_ref().strip_prefix(&own))
            .filter(|name| name.starts_with(prefix))
            .map(ToOwned::to_owned)
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Removes an object; one that is not there is as good as removed.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Denied`], [`Error::Unavailable`].
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name)?;
        match self.objects.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(problem) => Err(self.error("delete", name, &problem)),
        }
    }

    fn path(&self, name: &str) -> Result<Path, Error> {
        if name.is_empty() {
            return Err(self.bad_name(name, &"it is empty"));
        }
        if name.starts_with('/') || name.ends_with('/') {
            return Err(self.bad_name(name, &"a name neither starts nor ends with a slash"));
        }
        Path::parse(join(&self.prefix, name)).map_err(|e| self.bad_name(name, &e))
    }

    fn place(&self, name: &str) -> String {
        join(&self.location, name)
    }

    fn bad_name(&self, name: &str, reason: &dyn std::fmt::Display) -> Error {
        Error::Name { location: self.location.clone(), name: name.to_owned(), reason: reason.to_string() }
    }

    fn error(&self, operation: &'static str, name: &str, problem: &object_store::Error) -> Error {
        Error::from_objects(operation, self.place(name), problem)
    }
}

fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) if folder.ends_with('/') => format!("{folder}{name}"),
        (folder, name) => format!("{folder}/{name}"),
    }
}
