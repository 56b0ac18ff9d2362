//! The objects, and what happened to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::fields::{self, Writer};
use super::metadata::{keep_own_metadata, key_of};
use super::resources::{Generation, Resource};
use super::status::Refusal;

/// Where an object is stored: plural name, namespace (empty for none), name.
pub(crate) type Key = (&'static str, String, String);

/// What happened to an object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) plural: &'static str,
    /// The object as it was before, `None` for a new one.
    pub(crate) before: Option<Arc<Value>>,
    /// The object as it is now; for a deleted one its last state with the revision of the deletion.
    pub(crate) after: Arc<Value>,
    pub(crate) deleted: bool,
}

/// How a write is done.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) writer: Writer,
    /// Answers what would come out, and keeps nothing.
    pub(crate) dry_run: bool,
    /// The change keeps `managedFields` itself.
    pub(crate) applies: bool,
}

impl Options {
    /// A lasting write by `manager` to the main resource or to `subresource`.
    pub(crate) fn by(manager: &str, subresource: Option<&'static str>) -> Self {
        let writer = Writer {
            manager: manager.to_owned(),
            subresource,
            time: now(),
        };
        Self {
            writer,
            dry_run: false,
            applies: false,
        }
    }
}

/// The time as Kubernetes writes it: RFC 3339, whole seconds.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// All objects of one cluster.
#[derive(Debug)]
pub(crate) struct Store {
    inner: Mutex<Inner>,
    history: usize,
    revision: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Shared with every reader: the controllers look at all of them after each change.
    objects: BTreeMap<Key, Arc<Value>>,
    revision: u64,
    changes: VecDeque<Change>,
    /// The last revision that has been forgotten.
    forgotten: u64,
    /// Every state of every service account, for caches that lag.
    accounts: Vec<(Instant, Key, Option<Arc<Value>>)>,
}

impl Store {
    pub(crate) fn new(history: usize) -> Self {
        let inner = Inner {
            revision: 1000,
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
            history,
            revision: watch::Sender::new(1000),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every new revision.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    pub(crate) fn get(&self, plural: &'static str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.lock()
            .objects
            .get(&(plural, namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    /// The objects of a resource in `namespace` (all where `None`), and the revision of the list.
    pub(crate) fn list(&self, plural: &'static str, namespace: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        let inner = self.lock();
        let start = (plural, namespace.unwrap_or_default().to_owned(), String::new());
        let objects = inner
            .objects
            .range(start..)
            .take_while(|(key, _)| key.0 == plural && namespace.is_none_or(|own| key.1 == own))
            .map(|(_, object)| Arc::clone(object))
            .collect();
        (objects, inner.revision)
    }

    /// Returns the keys of the objects whose namespace doesn't exist. It copies no object: the controllers ask after each change.
    pub(crate) fn without_namespace(&self) -> Vec<Key> {
        let inner = self.lock();
        let exists = |namespace: &str| {
            let key = ("namespaces", String::new(), namespace.to_owned());
            inner.objects.contains_key(&key)
        };
        let namespaced = inner.objects.keys().filter(|key| !key.1.is_empty());
        namespaced.filter(|key| !exists(&key.1)).cloned().collect()
    }

    /// What happened to a resource after `since`, and the revision up to which that is all.
    ///
    /// # Errors
    /// 410 where the store does not remember that far back.
    pub(crate) fn changes(&self, plural: &str, since: u64) -> Result<(Vec<Change>, u64), Refusal> {
        let inner = self.lock();
        if since < inner.forgotten {
            return Err(Refusal::gone(since, inner.forgotten));
        }
        let skip = inner.changes.partition_point(|change| change.revision <= since);
        let found = inner
            .changes
            .range(skip..)
            .filter(|change| change.plural == plural)
            .cloned()
            .collect();
        Ok((found, inner.revision))
    }

    /// Forgets the past, so that every watch from an older revision is told 410 Gone.
    pub(crate) fn compact(&self) {
        let mut inner = self.lock();
        inner.changes.clear();
        inner.forgotten = inner.revision;
    }

    /// The service account as a cache sees it that lags by `lag`; the outer `None` where that cache has no entry.
    pub(crate) fn lagging_account(&self, namespace: &str, name: &str, lag: Duration) -> Option<Arc<Value>> {
        let inner = self.lock();
        let key = ("serviceaccounts", namespace.to_owned(), name.to_owned());
        let seen = inner
            .accounts
            .iter()
            .rev()
            .find(|(at, own, _)| *own == key && at.elapsed() >= lag);
        seen.and_then(|(_, _, object)| object.clone())
    }

    /// Stores a new object. Name, namespace and labels must be in it already.
    ///
    /// # Errors
    /// 409 where the name is taken.
    pub(crate) fn create(
        &self,
        resource: &Resource,
        mut object: Value,
        options: &Options,
    ) -> Result<Arc<Value>, Refusal> {
        let mut inner = self.lock();
        let key = key_of(resource, &object);
        if inner.objects.contains_key(&key) {
            return Err(Refusal::exists(resource, &key.2));
        }
        object["apiVersion"] = json!(resource.api_version());
        object["kind"] = json!(resource.kind);
        let metadata = &mut object["metadata"];
        metadata["uid"] = json!(Uuid::new_v4().to_string());
        metadata["creationTimestamp"] = json!(now());
        if resource.generation != Generation::Absent {
            metadata["generation"] = json!(1);
        }
        if !options.applies {
            fields::record(None, &mut object, &options.writer);
        }
        if options.dry_run {
            return Ok(Arc::new(object));
        }
        Ok(self.commit(&mut inner, key, resource, None, object))
    }

    /// Changes an object in one go. Nothing is written where `change` leaves it as it is.
    ///
    /// # Errors
    /// 404 where there is none, and whatever `change` refuses.
    pub(crate) fn modify(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        options: &Options,
        change: impl FnOnce(&Value) -> Result<Value, Refusal>,
    ) -> Result<Arc<Value>, Refusal> {
        let mut inner = self.lock();
        let key = (resource.plural, namespace.to_owned(), name.to_owned());
        let Some(before) = inner.objects.get(&key).cloned() else {
            return Err(Refusal::not_found(resource, name));
        };
        let mut after = change(&before)?;
        keep_own_metadata(resource, &before, &mut after);
        if after == *before {
            return Ok(before);
        }
        if !options.applies {
            fields::record(Some(&before), &mut after, &options.writer);
        }
        if options.dry_run {
            return Ok(Arc::new(after));
        }
        Ok(self.commit(&mut inner, key, resource, Some(before), after))
    }

    /// Takes an object away.
    pub(crate) fn remove(&self, plural: &'static str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let mut inner = self.lock();
        let key = (plural, namespace.to_owned(), name.to_owned());
        let before = inner.objects.remove(&key)?;
        inner.revision += 1;
        let revision = inner.revision;
        let mut after = Value::clone(&before);
        after["metadata"]["resourceVersion"] = json!(revision.to_string());
        if plural == "serviceaccounts" {
            inner.accounts.push((Instant::now(), key, None));
        }
        self.note(
            &mut inner,
            Change {
                revision,
                plural,
                before: Some(Arc::clone(&before)),
                after: Arc::new(after),
                deleted: true,
            },
        );
        Some(before)
    }

    fn commit(
        &self,
        inner: &mut Inner,
        key: Key,
        resource: &Resource,
        before: Option<Arc<Value>>,
        mut after: Value,
    ) -> Arc<Value> {
        inner.revision += 1;
        let revision = inner.revision;
        after["metadata"]["resourceVersion"] = json!(revision.to_string());
        let after = Arc::new(after);
        if resource.plural == "serviceaccounts" {
            inner
                .accounts
                .push((Instant::now(), key.clone(), Some(Arc::clone(&after))));
        }
        inner.objects.insert(key, Arc::clone(&after));
        let change = Change {
            revision,
            plural: resource.plural,
            before,
            after: Arc::clone(&after),
            deleted: false,
        };
        self.note(inner, change);
        after
    }

    fn note(&self, inner: &mut Inner, change: Change) {
        let revision = change.revision;
        inner.changes.push_back(change);
        while inner.changes.len() > self.history {
            if let Some(oldest) = inner.changes.pop_front() {
                inner.forgotten = oldest.revision;
            }
        }
        self.revision.send_replace(revision);
    }
}
