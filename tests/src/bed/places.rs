//! Room for beds: few at a time, each with ports of its own.

use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::ops::Range;

use super::binaries::cache;

/// Below the ports that Linux gives to outgoing connections, which start at 32768.
const PORTS: Range<u16> = 21_000..32_000;

/// Ports of one bed: etcd's two, the API server's, the controller manager's, the webhook's.
const PORTS_OF_A_BED: u16 = 5;

/// A place that a bed holds as long as it runs.
#[derive(Debug)]
pub(crate) struct Place {
    _turn: File,
    _ports: File,
    pub(crate) etcd: u16,
    pub(crate) etcd_peers: u16,
    pub(crate) api_server: u16,
    pub(crate) controller_manager: u16,
    pub(crate) webhook: u16,
}

impl Place {
    /// Takes a place. Where as many beds run on this machine as may (`AKSBACKUP_BEDS`, two unless it says another
    /// number), it waits until one ends.
    ///
    /// # Errors
    /// The cache folder cannot be used, or no ports are free.
    pub(crate) fn take() -> io::Result<Self> {
        let turn = turn()?;
        let starts = PORTS.step_by(usize::from(PORTS_OF_A_BED));
        for first in starts {
            let lock = locked(&format!("ports-{first}"))?;
            let ports = first..first + PORTS_OF_A_BED;
            if let Some(lock) = lock
                && ports.clone().all(free)
            {
                return Ok(Self {
                    _turn: turn,
                    _ports: lock,
                    etcd: first,
                    etcd_peers: first + 1,
                    api_server: first + 2,
                    controller_manager: first + 3,
                    webhook: first + 4,
                });
            }
        }
        Err(io::Error::other("no ports are free for another bed"))
    }
}

/// One of the turns, the first that becomes free.
fn turn() -> io::Result<File> {
    let most = std::env::var("AKSBACKUP_BEDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_u32);
    for number in 0..most {
        if let Some(lock) = locked(&format!("turn-{number}"))? {
            return Ok(lock);
        }
    }
    // None is free. Who waits, waits for one of them; different processes for different ones.
    let number = std::process::id() % most.max(1);
    let file = File::create(cache()?.join(format!("turn-{number}.lock")))?;
    file.lock()?;
    Ok(file)
}

fn locked(name: &str) -> io::Result<Option<File>> {
    let file = File::create(cache()?.join(format!("{name}.lock")))?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// Whether nobody listens there and somebody could.
fn free(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_err() && TcpListener::bind(("127.0.0.1", port)).is_ok()
}
