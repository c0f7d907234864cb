//! Objects by name: one door to local folders and to object stores, with atomic writes.
//!
//! Shards, labels and checkpoints are all kept through [`Store`]. Every write appears whole or not at all;
//! [`Store::put_once`] makes publication idempotent on every kind of store, for it is the one conditional write
//! that all of them know. What is read again and again from stores on the network may be kept in a [`Cache`].

mod cache;
mod error;
mod insist;
mod location;
mod remote;
mod unfinished;

pub use cache::{Cache, parse_size};
pub use error::{Error, Fault};

use bytes::Bytes;
use futures::TryStreamExt;
use insist::insist;
use location::Opened;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use std::ops::Range;
use std::sync::Arc;

/// A folder in an object store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Path within `objects`, without slashes at its ends; validated with each name.
    prefix: String,
    location: String,
    /// A folder of this machine, or one that is mounted here.
    is_local: bool,
    /// Only of stores on the network.
    cache: Option<Cache>,
}

/// What [`Store::put_once`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is new and is ours.
    Created,
    /// Somebody, perhaps an earlier try of ours, had written it; it was left as it was.
    AlreadyThere,
}

impl Store {
    /// Opens `location`: a relative or absolute folder, or a URL of `file://`, `s3://`, `gs://` or `az://`. Credentials and
    /// endpoints are those that the provider's usual environment variables name. Reads and writes nothing; a local folder
    /// appears with the first object put into it.
    ///
    /// # Errors
    /// [`Error::Location`] when the location cannot be understood, or a setting of its provider is wrong or missing.
    pub fn open(location: &str) -> Result<Store, Error> {
        Self::open_cached(location, None)
    }

    /// As [`Store::open`]; where the store is on the network, what [`Store::get_known`] reads goes through `cache`.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_cached(location: &str, cache: Option<&Cache>) -> Result<Store, Error> {
        // Names and values that are no text are nobody's settings.
        let variables =
            std::env::vars_os().filter_map(|(k, v)| k.into_string().ok().zip(v.into_string().ok()));
        Self::open_with(location, variables, cache)
    }

    /// As [`Store::open_cached`], with `settings` in place of the process's environment.
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

    /// A store over `objects`, for tests and for stores opened elsewhere; `location` is used in messages only.
    #[must_use]
    pub fn over(objects: Arc<dyn ObjectStore>, location: &str) -> Store {
        Store { objects, prefix: String::new(), location: location.to_owned(), is_local: false, cache: None }
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

    /// The bytes `range` of an object: exactly as many as asked for.
    ///
    /// # Errors
    /// [`Error::Range`] when the object is too short, else as [`Store::get`].
    pub async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
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

    /// As [`Store::get_range`], of bytes whose digest (blake3, hexadecimal) is known: those that a cache keeps need not come
    /// again. What comes from the store is kept if it has the digest, and is given in either case.
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
    /// [`Put::Created`] and all others [`Put::AlreadyThere`]. So does, perhaps, the one who wrote it, where the store's first
    /// answer was lost: nobody can tell then whose object it is.
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
    /// [`Error::Name`], [`Error::Denied`], [`Error::Unusable`], [`Error::Unavailable`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        // Object stores list by whole path segments; what follows the last slash is ours to filter.
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

    /// Removes an object; one that is not there is as good as removed.
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

    /// Removes what writers that died more than an hour ago have left unfinished in this folder and below, of files whose own
    /// names begin with `prefix`. For whoever is about to write such objects. Object stores have rules of their own for that.
    /// That it fails is no reason to stop: the log says so.
    pub async fn sweep(&self, prefix: &str) {
        if !self.is_local {
            return;
        }
        let (folder, prefix) = (self.prefix.clone(), prefix.to_owned());
        let swept = tokio::task::spawn_blocking(move || unfinished::sweep(&folder, &prefix)).await;
        match swept.map_err(std::io::Error::other).flatten() {
            Ok(0) => {}
            Ok(removed) => {
                tracing::info!(folder = self.location, removed, "removed what dead writers had left")
            }
            Err(problem) => {
                tracing::warn!(folder = self.location, %problem, "cannot remove what dead writers left")
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
