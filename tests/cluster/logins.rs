//! The way to the API server, and the login: what is wrong with them is told soon, once, and without a secret.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::{Value, json};

use crate::between::kubeconfig;
use crate::looks::ON;

/// Runs `verify` with a plugin that counts its runs and then does what `script` says.
fn with_plugin(stage: &Stage, script: &str, mode: &str, arguments: &[&str]) -> (Run, usize) {
    let count = stage.folder().join("count");
    let _ = std::fs::remove_file(&count);
    let user = json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", format!("echo run >> \"$COUNT\"; {script}")], "interactiveMode": mode,
        "env": [
            { "name": "COUNT", "value": count.display().to_string() },
            { "name": "AZURE_CLIENT_SECRET", "value": "never-print-this" },
        ],
    } });
    let path = stage.folder().join("kubeconfig-plugin");
    std::fs::write(&path, kubeconfig("https://127.0.0.1:1", &user).to_string()).unwrap();
    let mut command = stage.kubectl_command("through", &[&["verify"], arguments].concat());
    let run = finish(command.env("KUBECONFIG", path));
    assert!(
        !run.stdout.contains("never-print") && !run.stderr.contains("never-print"),
        "{run}"
    );
    (run, std::fs::read_to_string(&count).unwrap_or_default().lines().count())
}

#[test]
fn a_credential_plugin_that_fails_hangs_or_asks_runs_once_and_keeps_its_secrets() {
    let stage = Stage::on(Backend::Small, &[]).unwrap();
    let exit = Exit::NotPermitted.code();
    for arguments in [&[][..], &["-v"], &["-o", "json"]] {
        let (run, runs) = with_plugin(
            &stage,
            "echo token; echo 'please sign in' >&2; exit 3",
            "Never",
            arguments,
        );
        assert_eq!(runs, 1, "{run}");
        run.ends(exit)
            .says("credential plugin sh of the kubeconfig failed")
            .says("please sign in");
    }
    let (run, runs) = with_plugin(&stage, "exec sleep 600", "IfAvailable", &["--request-timeout", "1s"]);
    assert_eq!(runs, 1, "{run}");
    run.ends(exit)
        .says("returned nothing within 1s")
        .says("--request-timeout 2m");
    let asks = "read -r answer && printf '{\"status\":{\"token\":\"%s\"}}' \"$answer\"";
    let (run, runs) = with_plugin(&stage, asks, "IfAvailable", &[]);
    assert_eq!(runs, 1, "it is not left to wait for an answer\n{run}");
    run.ends(exit);
    let (run, runs) = with_plugin(&stage, asks, "Always", &[]);
    assert_eq!(runs, 0, "nobody is there whom it could ask\n{run}");
    run.ends(exit).says("standard input isn't a terminal");
}

fn wrong_doors(backend: Backend) {
    let stage = Stage::on(backend, ON).unwrap();
    stage
        .kubectl("cluster-admin", &["verify", "--server", "https://127.0.0.1:1"])
        .ends(Exit::Failed.code())
        .says("cannot reach the API server https://127.0.0.1:1")
        .says("Connection refused");
    stage
        .kubectl("cluster-admin", &["verify", "--token", "expired"])
        .ends(Exit::NotPermitted.code())
        .says("does not accept this sign-in")
        .says("kubelogin convert-kubeconfig");
    // The extension is not there: the API server was reached and has answered.
    let reached = |proxies: &[(&str, &str)]| {
        let server = [
            "verify",
            "--server",
            "https://api.cluster.test:443",
            "--tls-server-name",
            "localhost",
        ];
        let mut command = stage.kubectl_command("cluster-admin", &server);
        let run = finish(command.envs(proxies.iter().copied()));
        (run.stdout.contains("exist in namespace"), run)
    };
    let proxy = Proxy::to(&address(&stage));
    let way = format!("http://127.0.0.1:{}", proxy.port);
    for exceptions in [
        "",
        "127.0.0.1",
        "cluster.test.example",
        "other.test,",
        "api.cluster.test:8443",
        "10.0.0.0/8",
    ] {
        let (before, (through, run)) = (
            proxy.tunnels(),
            reached(&[("HTTPS_PROXY", &way), ("NO_PROXY", exceptions)]),
        );
        assert!(through && proxy.tunnels() > before, "NO_PROXY={exceptions}\n{run}");
    }
    let before = proxy.tunnels();
    for scheme in ["socks5", "socks5h"] {
        let way = format!("{scheme}://127.0.0.1:{}", proxy.port);
        let (through, run) = reached(&[("HTTPS_PROXY", &way)]);
        assert!(through, "{scheme}\n{run}");
    }
    assert!(proxy.tunnels() > before);
    let used = proxy.tunnels();
    for exceptions in [
        "api.cluster.test",
        "cluster.test",
        ".cluster.test",
        "*",
        "other, api.cluster.test:443",
    ] {
        for name in ["NO_PROXY", "no_proxy"] {
            let (through, run) = reached(&[("HTTPS_PROXY", &way), (name, exceptions)]);
            assert!(
                !through && run.stderr.contains("api.cluster.test"),
                "{name}={exceptions}\n{run}"
            );
        }
    }
    assert_eq!(proxy.tunnels(), used, "nothing that is excepted goes through the proxy");
}

fn address(stage: &Stage) -> String {
    let text = std::fs::read_to_string(stage.folder().join("kubeconfig")).unwrap();
    let kubeconfig: Value = serde_json::from_str(&text).unwrap();
    let server = kubeconfig["clusters"][0]["cluster"]["server"].as_str().unwrap();
    server.trim_start_matches("https://").to_owned()
}

on_both! {
    wrong_doors: doors_of_the_small_cluster, doors_of_a_real_control_plane;
}

/// A proxy that leads every tunnel to one server, whatever name it was asked for.
struct Proxy {
    port: u16,
    tunnels: Arc<AtomicUsize>,
}

impl Proxy {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, server) = (listener.local_addr().unwrap().port(), server.to_owned());
        let tunnels = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&tunnels);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, count) = (server.clone(), Arc::clone(&count));
                thread::spawn(move || tunnel(client, &server, &count));
            }
        });
        Self { port, tunnels }
    }

    fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }
}

/// Reads how a SOCKS5 client names its destination by a host name, and accepts it without a login (RFC 1928).
fn socks(client: &mut TcpStream, lines: &mut impl Read) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    lines.read_exact(&mut greeting)?;
    lines.read_exact(&mut vec![0; greeting[1].into()])?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 5];
    lines.read_exact(&mut request)?;
    assert_eq!(request[..4], [5, 1, 0, 3], "connect to a name that the proxy resolves");
    lines.read_exact(&mut vec![0; usize::from(request[4]) + 2])?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
}

/// Reads what a client wants, a CONNECT up to its empty line or SOCKS5, and passes on what follows in both directions.
fn tunnel(mut client: TcpStream, server: &str, count: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?);
    if lines.fill_buf()?.first() == Some(&5) {
        socks(&mut client, &mut lines)?;
        return pass_on(client, lines, server, count);
    }
    let mut line = String::new();
    lines.read_line(&mut line)?;
    if !line.starts_with("CONNECT ") {
        return Ok(());
    }
    while line.trim() != "" {
        line.clear();
        lines.read_line(&mut line)?;
    }
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    pass_on(client, lines, server, count)
}

fn pass_on(client: TcpStream, mut lines: impl Read, server: &str, count: &AtomicUsize) -> std::io::Result<()> {
    let mut onward = TcpStream::connect(server)?;
    count.fetch_add(1, Ordering::SeqCst);
    let (mut back_from, mut back_to) = (onward.try_clone()?, client);
    thread::spawn(move || std::io::copy(&mut back_from, &mut back_to));
    std::io::copy(&mut lines, &mut onward)?;
    onward.shutdown(std::net::Shutdown::Write)
}
