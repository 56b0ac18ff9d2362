//! A wire between a client and a server that can be cut: what an API server that restarts looks like from outside.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A wire to one server.
pub(crate) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    line: Mutex<Line>,
    changed: Condvar,
}

#[derive(Default)]
struct Line {
    cut: bool,
    over: bool,
    /// Who came while it was cut.
    turned_away: usize,
    open: Vec<TcpStream>,
}

impl Wire {
    /// A wire to `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut line = own.line.lock().unwrap();
                if line.over {
                    return;
                }
                if line.cut {
                    line.turned_away += 1;
                    own.changed.notify_all();
                    continue;
                }
                if let Ok(ends) = connect(client, server) {
                    line.open.extend(ends);
                }
            }
        });
        Self { address, shared }
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks all connections, and turns the next ones away until so `many` have come. Then everything works again. Gives
    /// whether they came before the end.
    pub(crate) fn cut_until_came(&self, many: usize) -> bool {
        let mut line = self.shared.line.lock().unwrap();
        (line.cut, line.turned_away) = (true, 0);
        for end in line.open.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
        let waiting = self
            .shared
            .changed
            .wait_while(line, |line| !line.over && line.turned_away < many);
        let mut line = waiting.unwrap();
        line.cut = false;
        line.turned_away >= many
    }

    /// Ends a cut that nobody came to, and the wire.
    pub(crate) fn end(&self) {
        self.shared.line.lock().unwrap().over = true;
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(self.address);
    }
}

/// Copies both ways. Gives both ends, for cutting.
fn connect(client: TcpStream, server: SocketAddr) -> io::Result<[TcpStream; 2]> {
    let upstream = TcpStream::connect(server)?;
    for stream in [&client, &upstream] {
        stream.set_nodelay(true)?;
    }
    let ends = [client.try_clone()?, upstream.try_clone()?];
    let (back_from, back_to) = (upstream.try_clone()?, client.try_clone()?);
    thread::spawn(move || copy(client, upstream));
    thread::spawn(move || copy(back_from, back_to));
    Ok(ends)
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
