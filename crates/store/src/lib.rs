//! Objects by name: one interface to local folders and object stores, with atomic writes.
//!
//! All shards, labels and checkpoints are kept through [`Store`]. Every write appears whole or not at all.
//! [`Store::put_once`] makes publication idempotent on every kind of store, because it is the one conditional write
//! that all of them support. Data that are read repeatedly from stores on the network can be kept in a [`Cache`].

mod cache;
mod error;
mod insist;
mod link;
mod location;
mod opened;
mod remote;
mod unfinished;

pub use cache::{Cache, parse_size};
pub use error::{Error, Fault};

use bytes::Bytes;
use futures::TryStreamExt;
use insist::insist;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use opened::Opened;
use std::ops::Range;
use std::sync::Arc;

/// A folder in an object store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Path within `objects`, without slashes at its ends; validated with each name.
    prefix: String,
    location: String,
    /// A folder on this machine, or one that is mounted here.
    is_local: bool,
    /// Only for stores on the network.
    cache: Option<Cache>,
}

/// The result of [`Store::put_once`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// This call has created the object.
    Created,
    /// The object existed already, perhaps from an earlier try of this call, and was left unchanged.
    AlreadyThere,
}

impl Store {
    /// Opens `location`: a relative or absolute folder, or a URL of `file://`, `s3://`, `gs://` or `az://`.
    /// Credentials and endpoints come from the provider's usual environment variables. Reads and writes nothing; a
    /// local folder is created with the first object put into it.
    ///
    /// # Errors
    /// [`Error::Location`] if the location cannot be understood, or a setting of its provider is wrong or missing.
    pub fn open(location: &str) -> Result<Store, Error> {
        Self::open_cached(location, None)
    }

    /// Like [`Store::open`]; if the store is on the network, [`Store::get_known`] reads through `cache`.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_cached(location: &str, cache: Option<&Cache>) -> Result<Store, Error> {
        // Settings are text, so names and values that are not valid UTF-8 are ignored.
        let variables =
            std::env::vars_os().filter_map(|(k, v)| k.into_string().ok().zip(v.into_string().ok()));
        Self::open_with(location, variables, cache)
    }

    /// Like [`Store::open_cached`], with `settings` in place of the process's environment.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(
        location: &str,
        settings: impl IntoIterator<Item = (String, String)>,
        cache: Option<&Cache>,
    ) -> Result<Store, Error> {
        let Opened { objects, path, is_remote } = location::open(location, settings)?;
        let shown = match location.trim_end_matches('/') {
            "" => "/",
            trimmed => trimmed,
        };
        let cache = cache.filter(|_| is_remote).cloned();
        Ok(Store { objects, prefix: path.into(), location: shown.to_owned(), is_local: !is_remote, cache })
    }

    /// A store over `objects`, for tests and for stores opened elsewhere; `location` is used only in messages.
    #[must_use]
    pub fn over(objects: Arc<dyn ObjectStore>, location: &str) -> Store {
        Store { objects, prefix: String::new(), location: location.to_owned(), is_local: false, cache: None }
    }

    /// An empty store in memory, for tests.
    #[must_use]
    pub fn in_memory() -> Store {
        Self::over(Arc::new(object_store::memory::InMemory::new()), "memory")
    }

    /// The store's location as it was given, for messages.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The folder `name` within this store; it need not exist.
    #[must_use]
    pub fn child(&self, name: &str) -> Store {
        let name = name.trim_matches('/');
        Store { prefix: join(&self.prefix, name), location: join(&self.location, name), ..self.clone() }
    }

    /// All bytes of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`], [`Error::Unusable`], [`Error::Unavailable`].
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

    /// The bytes `range` of an object: exactly as many as requested.
    ///
    /// # Errors
    /// [`Error::Range`] if the object is too short; otherwise as [`Store::get`].
    pub async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let path = self.path(name)?;
        let beyond =
            |size| Error::Range { location: self.place(name), start: range.start, end: range.end, size };
        if range.start >= range.end {
            // Stores handle empty ranges differently; only check that the object is long enough.
            let size = self.size(name).await?;
            return if range.start == range.end && range.end <= size {
                Ok(Bytes::new())
            } else {
                Err(beyond(size))
            };
        }
        let problem = match self.objects.get_range(&path, range.clone()).await {
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

    /// Like [`Store::get_range`], for bytes whose digest (blake3, hexadecimal) is known: if the cache has them, they
    /// are not fetched. Bytes from the store are cached if they have the digest, and are returned in either case.
    ///
    /// # Errors
    /// As [`Store::get_range`].
    pub async fn get_known(&self, name: &str, range: Range<u64>, digest: &str) -> Result<Bytes, Error> {
        let Some((cache, digest)) = self.cache.as_ref().zip(blake3::Hash::from_hex(digest).ok()) else {
            return self.get_range(name, range).await;
        };
        if let Some(bytes) = cache.get(digest).await
            && bytes.len() as u64 == range.end.saturating_sub(range.start)
        {
            return Ok(bytes);
        }
        let bytes = self.get_range(name, range).await?;
        if blake3::hash(&bytes) == digest {
            cache.put(digest, bytes.clone()).await;
        }
        Ok(bytes)
    }

    /// An object's size in bytes.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn size(&self, name: &str) -> Result<u64, Error> {
        let path = self.path(name)?;
        Ok(self.objects.head(&path).await.map_err(|e| self.error("read", name, &e))?.size)
    }

    /// Whether an object with this name exists; a folder is not an object.
    ///
    /// # Errors
    /// As [`Store::get`], without [`Error::NotFound`].
    pub async fn exists(&self, name: &str) -> Result<bool, Error> {
        match self.size(name).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Writes an object unless one with this name exists: atomic, and safe to repeat. In a race one caller gets
    /// [`Put::Created`] and all others [`Put::AlreadyThere`]. If the store's first answer was lost, the caller that
    /// wrote the object may get [`Put::AlreadyThere`] too, because it cannot be determined then whose object it is.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Denied`], [`Error::Unusable`], [`Error::Unavailable`].
    pub async fn put_once(&self, name: &str, bytes: Bytes) -> Result<Put, Error> {
        let path = self.path(name)?;
        let put = || {
            let payload = PutPayload::from_bytes(bytes.clone());
            self.objects.put_opts(&path, payload, PutOptions::from(PutMode::Create))
        };
        match insist(put).await {
            Ok(_) => Ok(Put::Created),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Put::AlreadyThere)
            }
            Err(problem) => Err(self.error("write", name, &problem)),
        }
    }

    /// Writes an object, and replaces an existing one. Atomic: a reader sees the old bytes or the new.
    ///
    /// # Errors
    /// As [`Store::put_once`].
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error> {
        let path = self.path(name)?;
        let written = self.objects.put(&path, PutPayload::from_bytes(bytes)).await;
        written.map(drop).map_err(|e| self.error("write", name, &e))
    }

    /// Gives an object of another store the same name here, without copying it: a local file gets a further name. Returns `false`
    /// and does nothing if that is impossible, because one of the stores is on the network, both are on different file systems,
    /// or the name exists here. Objects are never changed in place, so neither store sees what becomes of the other's name.
    pub async fn link_from(&self, from: &Store, name: &str) -> bool {
        if !(self.is_local && from.is_local) {
            return false;
        }
        let (Ok(old), Ok(new)) = (from.path(name), self.path(name)) else { return false };
        let linked = tokio::task::spawn_blocking(move || link::link(&old, &new)).await;
        match linked.map_err(std::io::Error::other).flatten() {
            Ok(()) => true,
            Err(problem) => {
                tracing::debug!(from = from.place(name), to = self.place(name), %problem, "no link");
                false
            }
        }
    }

    /// Names of all objects that begin with `prefix` (empty: all), at any depth, relative to this store, sorted.
    /// A folder that does not exist has no objects.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Denied`], [`Error::Unusable`], [`Error::Unavailable`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        // Object stores list by whole path segments, so the part after the last slash is filtered here.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = Path::parse(join(&self.prefix, folder)).map_err(|e| self.bad_name(prefix, &e))?;
        let listing = insist(|| self.objects.list(Some(&folder)).try_collect::<Vec<_>>()).await;
        let found = match listing.map_err(|e| self.error("list", prefix, &e)) {
            Err(problem) if !problem.is_not_found() => return Err(problem),
            listing => listing.unwrap_or_default(),
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

    /// Removes an object. If it does not exist, this succeeds.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Denied`], [`Error::Unusable`], [`Error::Unavailable`].
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name)?;
        match insist(|| self.objects.delete(&path)).await.map_err(|e| self.error("delete", name, &e)) {
            Err(problem) if !problem.is_not_found() => Err(problem),
            _ => Ok(()),
        }
    }

    /// Removes unfinished files that writers which died more than an hour ago left in this folder and below, if the
    /// file's own name begins with `prefix`. Call it before writing such objects. Object stores have their own rules
    /// for this. A failure is logged and otherwise ignored.
    pub async fn sweep(&self, prefix: &str) {
        if !self.is_local {
            return;
        }
        let (folder, prefix) = (self.prefix.clone(), prefix.to_owned());
        let swept = tokio::task::spawn_blocking(move || unfinished::sweep(&folder, &prefix)).await;
        match swept.map_err(std::io::Error::other).flatten() {
            Ok(0) => {}
            Ok(removed) => {
                tracing::info!(
                    folder = self.location,
                    removed,
                    "removed unfinished files of writers that died"
                )
            }
            Err(problem) => {
                tracing::warn!(folder = self.location, %problem, "cannot remove unfinished files of writers that died")
            }
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
