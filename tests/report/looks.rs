//! Every page, looked at in every way that people look at it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::pages::{Page, kept, pages};

/// What is asked of the page.
pub(crate) const LOOK: &str = include_str!("look.js");

#[test]
fn every_page_reads_at_every_width_in_light_and_in_dark() {
    let mut browser = Browser::start();
    for page in pages() {
        let mut pictures = Vec::new();
        browser.open(&page.path);
        for (width, scheme) in [
            (360, "light"),
            (360, "dark"),
            (1280, "light"),
            (1280, "dark"),
            (768, "light"),
        ] {
            browser.resize(width, scheme);
            let found = browser.evaluate(LOOK);
            let what = format!("{} at {width} px, {scheme}", page.name);
            assert_eq!(found["faults"], json!([]), "{what}: {found:#}");
            let (least, texts) = (found["least"].as_f64().unwrap(), found["texts"].as_u64().unwrap());
            assert!(texts > 60 && found["marks"].as_u64().unwrap() > 20, "{what}: {found:#}");
            println!("report: {what}: {texts} texts, least contrast {least:.2}");
            pictures.push(picture(&mut browser, &format!("{}-{width}-{scheme}.png", page.name)));
        }
        assert_ne!(pictures[0], pictures[1], "dark is not light");
        silent(&browser, &page);
    }
}

/// Nothing was said, and nothing but the page itself was asked for.
fn silent(browser: &Browser, page: &Page) {
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{}: {complaints:#?}", page.name);
    let url = format!("file://{}", page.path.display());
    let others: Vec<String> = browser
        .requests()
        .into_iter()
        .filter(|own| *own != url && own != "data:,")
        .collect();
    assert!(others.is_empty(), "{} asked for {others:?}", page.name);
    assert!(browser.requests().contains(&url), "requests are heard of");
}

/// A picture of the whole page, kept to be looked at.
fn picture(browser: &mut Browser, name: &str) -> Vec<u8> {
    let answer = browser.ask("Page.captureScreenshot", json!({ "captureBeyondViewport": true }));
    kept(name, &answer)
}

#[test]
fn every_page_reads_on_paper() {
    let mut browser = Browser::start();
    for page in pages() {
        browser.open(&page.path);
        browser.ask(
            "Emulation.setDeviceMetricsOverride",
            json!({
                "width": 690, "height": 1000, "deviceScaleFactor": 1, "mobile": false,
            }),
        );
        let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
        browser.ask(
            "Emulation.setEmulatedMedia",
            json!({ "media": "print", "features": dark }),
        );
        let found = browser.evaluate(LOOK);
        assert_eq!(found["faults"], json!([]), "{} on paper: {found:#}", page.name);
        let paper = browser.evaluate("getComputedStyle(document.querySelector('h1')).color");
        assert_eq!(paper, "rgb(30, 35, 40)", "dark ink although the screen is dark");
        let answer = browser.ask("Page.printToPDF", json!({ "paperWidth": 8.27, "paperHeight": 11.69 }));
        let pdf = kept(&format!("{}.pdf", page.name), &answer);
        let sheets = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
        println!("report: {} on paper: {sheets} sheets", page.name);
        assert!((1..=12).contains(&sheets), "{}: {sheets} sheets", page.name);
        silent(&browser, &page);
    }
}

#[test]
fn what_is_read_aloud_has_names() {
    let mut browser = Browser::start();
    for page in pages() {
        browser.open(&page.path);
        browser.resize(360, "light");
        let tree = browser.ask("Accessibility.getFullAXTree", json!({}));
        let nodes: Vec<&Value> = tree["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|node| node["ignored"] != true)
            .collect();
        let of = |role: &str| -> Vec<&str> {
            let own = nodes.iter().filter(|node| node["role"]["value"] == role);
            own.map(|node| node["name"]["value"].as_str().unwrap_or_default())
                .collect()
        };
        for role in ["heading", "image", "table", "columnheader", "region"] {
            let names = of(role);
            assert!(!names.is_empty(), "{}: no {role}", page.name);
            assert!(
                names.iter().all(|name| !name.is_empty()),
                "{}: {role} {names:?}",
                page.name
            );
        }
        // On a phone the rows are blocks; they are a table all the same.
        assert!(
            of("row").len() > 10 && of("cell").len() > 40,
            "{}: rows and cells",
            page.name
        );
        for landmark in ["banner", "main", "contentinfo"] {
            assert_eq!(of(landmark).len(), 1, "{}: {landmark}", page.name);
        }
    }
}

/// The bytes of an answer, also written to be looked at.
pub(crate) fn bytes(answer: &Value) -> Vec<u8> {
    STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
}

#[test]
fn the_judge_of_the_page_knows_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("bad.html");
    let bad = "<!doctype html><title> </title><main><h1>a</h1><h3>b</h3><p style='color:#999'>faint</p><svg></svg>\
        <table><tr><td>x</td></tr></table><img src='http://127.0.0.1:1/x.png'><p onclick='x()' style='width:2000px'>wide</p>\
        <script>console.log('said')</script></main>";
    std::fs::write(&page, bad).unwrap();
    let mut browser = Browser::start();
    browser.open(Path::new(&page));
    browser.resize(360, "light");
    let found = browser.evaluate(LOOK).to_string();
    for fault in [
        "wider than the window",
        "contrast 2.8",
        "no language",
        "no title",
        "not one header",
        "h3 after h1",
        "nameless picture",
        "table without heads",
        "has no place here: <img",
        "has no place here: <script",
        "handler",
    ] {
        assert!(found.contains(fault), "{fault} is not seen in {found}");
    }
    assert!(!browser.complaints().is_empty(), "what is said is heard");
    assert!(
        browser.requests().iter().any(|url| url.ends_with("x.png")),
        "requests are seen"
    );
}
