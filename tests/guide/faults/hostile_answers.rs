//! Answers that no server should give: each command ends with an exit code that is documented, in little memory, and in time.

use std::process::Command;
use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::bars;
use aksbackup_tests::harness::measured;

use crate::made;
use aksbackup_tests::hostile_server::{CLUSTER, Hostile, Server};

/// How much longer than `--timeout` a command may take where it has nothing to do but wait; a busy machine needs some of it.
const SLACK: Duration = Duration::from_secs(20);
/// `--timeout` of the cases that only it can end, and of the others.
const SHORT: u64 = 3;
const LONG: u64 = 120;

const ONCE: Duration = Duration::ZERO;
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const ABSURD: &str = "retry-after: 18446744073709551615\r\n";

/// Which requests are answered so.
#[derive(Debug, Clone, Copy)]
enum Door {
    Arm,
    Login,
    Metadata,
    Cluster,
    /// Lists by pages; everything else is slow.
    Pages,
    /// Nothing is: the credential plugin hangs.
    Plugin,
}

/// One case: who answers how, which command asks, and how that ends.
struct Case {
    name: &'static str,
    door: Door,
    command: &'static [&'static str],
    hostile: Hostile,
    timeout: u64,
    exit: Exit,
    says: &'static str,
}

const VERIFY: &[&str] = &["verify"];
const DOCTOR: &[&str] = &["doctor"];
const STATUS: &[&str] = &["status", "--check"];

fn case(name: &'static str, door: Door, hostile: Hostile, exit: Exit, says: &'static str) -> Case {
    let timeout = if exit == Exit::Deadline { SHORT } else { LONG };
    Case {
        name,
        door,
        command: VERIFY,
        hostile,
        timeout,
        exit,
        says,
    }
}

/// A body without end.
fn endless(part: &str) -> Hostile {
    let part = part.repeat(65536 / part.len());
    Hostile::raw(format!("{CHUNKED}content-length: 3221225472\r\n\r\n{{\"value\":[")).then(part, 50_000, ONCE)
}

/// A whole answer, one byte a second.
fn slow() -> Hostile {
    Hostile::raw(format!("{CHUNKED}content-length: 1000\r\n\r\n")).then(" ", 1000, Duration::from_secs(1))
}

fn flood() -> Hostile {
    Hostile::raw("").then(
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(40),
        100_000,
        Duration::from_millis(1),
    )
}

fn headers() -> Hostile {
    Hostile::raw(CHUNKED).then(format!("x-large: {}\r\n", "x".repeat(8000)), 300, ONCE)
}

/// What every remote can do wrong.
fn of(door: Door) -> Vec<Case> {
    let truncated = Hostile::raw(format!("{CHUNKED}content-length: 1000\r\n\r\n{{"));
    let busy = |status: &str, wish: &str| Hostile::answer(status, wish, b"busy");
    vec![
        case("slow", door, slow(), Exit::Deadline, "waiting for"),
        case("100 Continue", door, flood(), Exit::Deadline, "waiting for"),
        case(
            "nested",
            door,
            Hostile::body("[".repeat(5_000_000)),
            Exit::Failed,
            "because: ",
        ),
        case("headers", door, headers(), Exit::Failed, "because: "),
        case("truncated", door, truncated, Exit::Failed, "because: "),
        case(
            "HTML",
            door,
            Hostile::body("<html>please sign in</html>"),
            Exit::Failed,
            "because: ",
        ),
        case(
            "no UTF-8",
            door,
            Hostile::body(b"{\"value\":[{\"name\":\"\xff\xfe\"}]}"),
            Exit::Failed,
            "because: ",
        ),
        case("empty object", door, Hostile::body("{}"), Exit::Failed, "because: "),
        case("null", door, Hostile::body("null"), Exit::Failed, "because: "),
        case("a number", door, Hostile::body("1e999"), Exit::Failed, "because: "),
        case(
            "429 without a wish",
            door,
            busy("429 No", "retry-after: soon\r\n"),
            Exit::Failed,
            "busy",
        ),
        case("503, absurd wish", door, busy("503 No", ABSURD), Exit::Failed, "busy"),
    ]
}

fn of_arm() -> Vec<Case> {
    let door = Door::Arm;
    let page = format!("{{\"value\":[],\"nextLink\":\"https://HOST{CLUSTER}/again?x=1\"}}");
    let mut all = of(door);
    all.retain(|case| !case.name.starts_with("429"));
    all.extend([
        case(
            "endless",
            door,
            endless("\"aaaaaaaaaaaaaaaa\" "),
            Exit::Failed,
            "larger than 8 MiB",
        ),
        case(
            "many elements",
            door,
            endless("{},"),
            Exit::Failed,
            "more than 100000 elements",
        ),
        case(
            "a page that names itself",
            door,
            Hostile::body(page),
            Exit::Failed,
            "neither an ID nor a name",
        ),
        case(
            "429, absurd wish",
            door,
            Hostile::answer("429 No", ABSURD, b"{}"),
            Exit::Failed,
            "429",
        ),
        Case {
            timeout: SHORT,
            ..case(
                "429, a wish that is longer than the timeout",
                door,
                Hostile::answer("429 No", "retry-after: 30\r\n", b"{}"),
                Exit::Deadline,
                "retrying in 30s",
            )
        },
        Case {
            command: DOCTOR,
            ..case(
                "doctor",
                door,
                Hostile::body("{}"),
                Exit::Failed,
                "neither an ID nor a name",
            )
        },
        Case {
            command: STATUS,
            ..case("status", door, slow(), Exit::Deadline, "waiting for")
        },
        Case {
            command: STATUS,
            ..case("status", door, Hostile::body("{}"), Exit::Pending, "")
        },
    ]);
    all
}

fn of_sign_in() -> Vec<Case> {
    let large = || endless("\"aaaaaaaaaaaaaaaa\" ");
    vec![
        case("endless", Door::Login, large(), Exit::Failed, "larger than 1 MiB"),
        case("slow", Door::Login, slow(), Exit::Deadline, "waiting for a token"),
        case(
            "wish",
            Door::Login,
            Hostile::answer("503 No", ABSURD, b"{}"),
            Exit::Deadline,
            "waiting for a token",
        ),
        case("endless", Door::Metadata, large(), Exit::Failed, "larger than 1 MiB"),
        case("slow", Door::Metadata, slow(), Exit::Deadline, "cloud metadata"),
        case(
            "empty",
            Door::Metadata,
            Hostile::body("{}"),
            Exit::Usage,
            "cloud metadata",
        ),
    ]
}

fn of_cluster() -> Vec<Case> {
    let door = Door::Cluster;
    let list = |items: &str, next: &str| {
        let metadata = format!("{{\"resourceVersion\":\"1\",\"continue\":\"{next}\"}}");
        format!("{{\"metadata\":{metadata},\"items\":[{items}]}}")
    };
    let logs = |name, hostile, exit, says| Case {
        command: &["logs"],
        ..case(name, door, hostile, exit, says)
    };
    let mut all = of(door);
    all.extend([
        case(
            "endless",
            door,
            endless("\"aaaaaaaaaaaaaaaa\" "),
            Exit::Failed,
            "larger than 16 MiB",
        ),
        case(
            "many elements",
            door,
            endless("{},"),
            Exit::Failed,
            "more than 25000 elements",
        ),
        // As many as are read: each becomes a typed container.
        case(
            "small elements that become large",
            Door::Pages,
            Hostile::body(list(
                &format!("{{\"spec\":{{\"containers\":[{}{{}}]}}}}", "{},".repeat(24_900)),
                "x",
            )),
            Exit::Failed,
            "was already read",
        ),
        case(
            "a page that names itself",
            Door::Pages,
            Hostile::body(list("", "x")),
            Exit::Failed,
            "was already read",
        ),
        case(
            "429, absurd wish",
            door,
            Hostile::answer("429 No", ABSURD, b"busy"),
            Exit::Failed,
            "busy",
        ),
        case(
            "no answer of the plugin",
            Door::Plugin,
            Hostile::default(),
            Exit::Deadline,
            "credential plugin sleep",
        ),
        Case {
            command: DOCTOR,
            ..case("doctor", door, slow(), Exit::Deadline, "waiting for")
        },
        logs("a list of no pods", Hostile::body("{}"), Exit::Failed, "because: "),
    ]);
    all
}

fn server(case: &Case) -> Server {
    let (door, hostile) = (case.door, case.hostile.clone());
    Server::start(Box::new(move |line| {
        let meant = match door {
            Door::Arm => line.contains("/subscriptions/"),
            Door::Login => line.contains("/oauth2/"),
            Door::Metadata => line.contains("/metadata/"),
            Door::Cluster => true,
            Door::Pages if line.contains("limit=") => true,
            Door::Pages => return Some(slow()),
            Door::Plugin => false,
        };
        meant.then(|| hostile.clone())
    }))
}

fn command(case: &Case, server: &Server) -> Command {
    let timeout = format!("{}s", case.timeout);
    let arguments = |more: &[&'static str]| [case.command, more].concat();
    let mut command = match case.door {
        Door::Arm if case.command == STATUS => server.az(&arguments(&[])),
        Door::Arm | Door::Login | Door::Metadata => server.az(&arguments(&["--cluster-id", CLUSTER])),
        Door::Cluster | Door::Pages => server.kubectl(&arguments(&[])),
        Door::Plugin => server.kubectl_with_plugin(&arguments(&[])),
    };
    command.args(["--timeout", &timeout]);
    command
}

fn check(case: &Case) {
    let server = server(case);
    let begun = Instant::now();
    let (run, peak) = measured(&command(case, &server));
    let took = begun.elapsed();
    let what = format!("{:?}: {}", case.door, case.name);
    assert!(
        run.code == i32::from(case.exit.code()),
        "{what}: expected {}\n{run}",
        case.exit.code()
    );
    assert!(
        run.stderr.contains(case.says),
        "{what}: expected {:?}\n{run}",
        case.says
    );
    assert!(!run.stderr.contains("panicked"), "{what}\n{run}");
    assert!(peak <= bars::HOSTILE, "{what}: {peak} KiB\n{run}");
    let most = Duration::from_secs(case.timeout) + SLACK;
    assert!(took <= most, "{what}: {took:?}\n{run}");
    assert_eq!(
        std::fs::read_dir(server.folder())
            .unwrap()
            .flatten()
            .filter(|file| { file.file_name().to_string_lossy().starts_with("core") })
            .count(),
        0,
        "{what}: a core file"
    );
    if std::env::var_os("AKSBACKUP_TELL").is_some() {
        eprintln!("{what}: {took:?}, {peak} KiB, exit {}", run.code);
    }
}

#[test]
fn hostile_answers_of_azure_end_a_command_in_time_and_in_little_memory() {
    let cases: Vec<Case> = of_arm().into_iter().chain(of_sign_in()).collect();
    made::beside_each_other(&cases, check);
}

#[test]
fn hostile_answers_of_kubernetes_end_a_command_in_time_and_in_little_memory() {
    made::beside_each_other(&of_cluster(), check);
}
