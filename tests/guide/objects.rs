//! Errors and plans name an object so that it can be found: a cluster, vault or storage account with its resource group.

use std::path::Path;

use aksbackup_tests::advice::sources;

/// Kinds whose names aren't unique in a subscription.
const KINDS: [&str; 3] = ["cluster {}", "vault {}", "storage account {}"];

/// Words after the name that specify the resource group, too.
const GROUP: &str = " in resource group {}";

/// Returns the texts of a source that name such an object by `.name()` or a field `.name` alone.
fn without_group(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let calls = source.split("format!(").skip(1).filter_map(|rest| {
        let (text, arguments) = rest.trim_start().strip_prefix('"')?.split_once("\",")?;
        Some((text, arguments.split("))").next()?))
    });
    let nameless = |(text, arguments): &(&str, &str)| {
        let arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
        KINDS.iter().any(|kind| {
            text.match_indices(kind).any(|(at, _)| {
                let (before, after) = text.split_at(at + kind.len());
                let has_group = after.contains(GROUP);
                let own = arguments.get(before.matches("{}").count() - 1);
                // The last argument lost its closing bracket.
                !has_group
                    && own.is_some_and(|own| {
                        own.ends_with(".name()") || own.ends_with(".name(") || own.ends_with(".name")
                    })
            })
        })
    };
    calls.filter(nameless).map(|(text, _)| text.to_owned()).collect()
}

#[test]
fn no_step_and_no_command_names_a_cluster_vault_or_account_without_its_resource_group() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../az-aksbackup/src");
    let files = ["steps", "commands"].map(|own| sources(&root.join(own)));
    let files: Vec<_> = files.into_iter().flatten().collect();
    assert!(files.len() > 40, "{} files", files.len());
    let found = files.iter().flat_map(|(path, source)| {
        let texts = without_group(source).into_iter();
        texts.map(move |text| format!("{path}: {text}"))
    });
    assert_eq!(found.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_name_alone_is_recognized_at_its_place() {
    let alone = r#"format!("extension {} of cluster {} is Failed", id.name(), target.cluster.name()))"#;
    assert_eq!(without_group(alone).len(), 1);
    for good in [
        r#"format!("extension {} of cluster {} is Failed", id.name(), target.cluster.with_group()))"#,
        r#"format!("cluster {} in resource group {} is stopped", id.name(), id.resource_group()))"#,
    ] {
        assert_eq!(without_group(good), Vec::<String>::new());
    }
}
