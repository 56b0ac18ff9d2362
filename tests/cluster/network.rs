//! Proxies and deadlines between the program and the API server.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::finish;
use serde_json::json;

use crate::flags::{kubeconfig, plain};
use crate::stages::configured;

#[test]
fn a_request_takes_no_longer_than_it_may() {
    let stage = configured(Backend::Small);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", silent.local_addr().unwrap());
    for timeout in ["1", "1s"] {
        let begun = Instant::now();
        let arguments = ["verify", "--server", &server, "--request-timeout", timeout];
        let run = stage.kubectl("viewer", &arguments).ends(Exit::Failed.code());
        assert!(begun.elapsed() < Duration::from_secs(60), "{run}");
        run.says("did not respond within 1s").says("--request-timeout");
    }
}

/// A proxy that notes whom it was asked for.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (
        listener.local_addr().unwrap().to_string(),
        Arc::new(Mutex::new(Vec::new())),
    );
    let notes = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let notes = Arc::clone(&notes);
            std::thread::spawn(move || serve(client, &notes));
        }
    });
    (address, asked)
}

/// Answers `CONNECT HOST:PORT` and then passes everything on.
fn serve(mut client: TcpStream, notes: &Mutex<Vec<String>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    notes.lock().unwrap().push(target.clone());
    let Ok(mut server) = TcpStream::connect(&target) else {
        return;
    };
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
    let _ = std::io::copy(&mut server, &mut client);
}

#[test]
fn a_proxy_is_taken_from_the_kubeconfig_and_never_from_the_environment_for_loopback() {
    let stage = configured(Backend::Small);
    let ((address, asked), file) = (proxy(), stage.folder().join("proxied"));
    let mut all = kubeconfig(&stage);
    for cluster in all["clusters"].as_array_mut().unwrap() {
        cluster["cluster"]["proxy-url"] = json!(format!("http://{address}"));
    }
    std::fs::write(&file, all.to_string()).unwrap();
    finish(plain(&stage, &["verify"]).env("KUBECONFIG", &file)).ok();
    let server = all["clusters"][0]["cluster"]["server"]
        .as_str()
        .unwrap()
        .trim_start_matches("https://")
        .to_owned();
    let seen = std::mem::take(&mut *asked.lock().unwrap());
    assert!(!seen.is_empty() && seen.iter().all(|own| *own == server), "{seen:?}");

    let own = stage.folder().join("kubeconfig");
    let mut command = plain(&stage, &["verify"]);
    finish(
        command
            .env("KUBECONFIG", own)
            .env("HTTPS_PROXY", format!("http://{address}")),
    )
    .ok();
    assert_eq!(*asked.lock().unwrap(), [] as [String; 0]);
}
