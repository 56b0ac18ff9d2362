//! The third judge: the real Azure CLI, in folders of its own, silent towards everybody but the sandbox.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Command;

use aksbackup_tests::azure::ids;
use aksbackup_tests::azure::personas::{NAMES, persona};
use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::Value;

use aksbackup_tests::python::Python;

/// How az names itself, also in what `az rest` sends.
pub(crate) const GUEST: &str = "AZURECLI/";

/// An az that knows the sandbox's cloud. Who signs in has a folder of their own: az takes a token that it finds in its
/// cache for proof enough, whatever the secret.
pub(crate) struct Az<'a> {
    stage: &'a Stage,
    environment: Python,
    folder: PathBuf,
}

impl<'a> Az<'a> {
    /// The real az, in which the sandbox's cloud is registered and chosen.
    pub(crate) fn new(stage: &'a Stage, who: &str) -> Self {
        let environment = Python::with("az").unwrap();
        let folder = stage.folder().join(format!("azure-{who}"));
        let az = Self {
            stage,
            environment,
            folder,
        };
        let endpoint = stage.sandbox.endpoint();
        let register = ["cloud", "register", "--name", "Sandbox", "--endpoint-resource-manager"];
        az.run(&[&register, [endpoint].as_slice()].concat()).ok();
        az.run(&["cloud", "set", "--name", "Sandbox"]).ok();
        az
    }

    /// The same, signed in.
    pub(crate) fn signed_in(stage: &'a Stage, who: &str) -> Self {
        let az = Self::new(stage, who);
        az.login(who).ok();
        az
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.environment.command();
        command
            .args(["-m", "azure.cli"])
            .args(arguments)
            .env("HOME", self.stage.folder())
            .env("AZURE_CONFIG_DIR", &self.folder)
            .env("AZURE_EXTENSION_DIR", self.folder.join("extensions"))
            .env("REQUESTS_CA_BUNDLE", self.stage.folder().join("ca.pem"))
            .env("SSL_CERT_FILE", self.stage.folder().join("ca.pem"))
            .env("AZURE_CORE_INSTANCE_DISCOVERY", "false")
            .env("AZURE_CORE_COLLECT_TELEMETRY", "no")
            .env("AZURE_CORE_SURVEY_MESSAGE", "no")
            .env("AZURE_CORE_NO_COLOR", "true")
            .env("AZURE_CORE_OUTPUT", "json")
            .env("AZURE_CORE_ONLY_SHOW_ERRORS", "true")
            .env("AZURE_AUTO_UPGRADE_ENABLE", "no")
            .env("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no")
            .env_remove("CURL_CA_BUNDLE");
        for name in [
            "ARM_CLOUD_METADATA_URL",
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_TENANT_ID",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs `az ARGUMENTS`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(&mut self.command(arguments))
    }

    /// Runs `az LINE`, whose words have no spaces and of which `{}` stand for `values`, and gives what it printed.
    pub(crate) fn json(&self, line: &str, values: &[&str]) -> Value {
        let mut values = values.iter();
        let words = line.split_whitespace();
        let words: Vec<&str> = words
            .map(|word| if word == "{}" { *values.next().unwrap() } else { word })
            .collect();
        let run = self.run(&words).ok();
        if run.stdout.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&run.stdout).unwrap()
    }

    fn login(&self, who: &str) -> Run {
        let who = persona(who);
        let login = ["login", "--service-principal", "--tenant", ids::TENANT];
        let secret = ["--username", &who.client_id, "--password", &who.secret];
        self.run(&[login, secret].concat())
    }
}

#[test]
fn everybody_signs_in_with_az_and_sees_their_subscriptions() {
    let stage = Stage::new().unwrap().hosting(&[GUEST]);
    let az = Az::new(&stage, "nobody");
    let version = az.json("version", &[]);
    let _ = writeln!(io::stderr(), "judges: az {}", version["azure-cli"].as_str().unwrap());
    let clouds = std::fs::read(stage.folder().join("azure-nobody/clouds.config")).unwrap();
    for who in NAMES {
        let own = Az {
            stage: &stage,
            environment: Python::with("az").unwrap(),
            folder: stage.folder().join(format!("azure-{who}")),
        };
        std::fs::create_dir_all(&own.folder).unwrap();
        std::fs::write(own.folder.join("clouds.config"), &clouds).unwrap();
        own.run(&["cloud", "set", "--name", "Sandbox"]).ok();
        let login = own.login(who);
        if ["stranger", "partner"].contains(&who) {
            login.ends(1).says("No subscriptions found");
            continue;
        }
        let seen: Value = serde_json::from_str(&login.ok().stdout).unwrap();
        assert_eq!(seen[0]["id"], ids::SUBSCRIPTION);
        let count = if ["consultant", "central"].contains(&who) { 2 } else { 1 };
        assert_eq!(seen.as_array().unwrap().len(), count, "{who} sees {seen}");
    }
    let mut wrong = az.command(&["login", "--service-principal", "--tenant", ids::TENANT]);
    wrong.args(["--username", &persona("reader").client_id, "--password", "wrong"]);
    finish(&mut wrong).ends(1).says("AADSTS7000215");
    let entries = stage.since(0);
    let people: BTreeSet<&str> = entries.iter().map(|entry| entry.persona.as_str()).collect();
    assert!(NAMES.iter().all(|name| people.contains(name)), "{people:?}");
}

#[test]
fn a_certificate_signs_az_in_and_another_does_not() {
    let stage = Stage::new().unwrap().hosting(&[GUEST]);
    let own = stage.folder().join("certificates/pipeline.pem");
    let other = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../az-aksbackup/src/login/certificate/example.pem"
    );
    let login = |az: &Az, file: &str| {
        let who = persona("pipeline").client_id;
        let words = [
            "login",
            "--service-principal",
            "--tenant",
            ids::TENANT,
            "--username",
            &who,
        ];
        az.run(&[&words[..], &["--certificate", file]].concat())
    };
    // az takes a token that it has for proof enough.
    login(&Az::new(&stage, "mistaken"), other).ends(1).says("AADSTS700027");
    let seen: Value =
        serde_json::from_str(&login(&Az::new(&stage, "pipeline"), own.to_str().unwrap()).ok().stdout).unwrap();
    assert_eq!(seen[0]["id"], ids::SUBSCRIPTION);
}

#[test]
fn az_goes_from_one_subscription_to_another() {
    let stage = Stage::new().unwrap().hosting(&[GUEST]);
    let az = Az::signed_in(&stage, "consultant");
    az.run(&["account", "set", "--subscription", "Contoso Other"]).ok();
    assert_eq!(az.json("account show", &[])["id"], ids::OTHER_SUBSCRIPTION);
    let mark = stage.mark();
    assert_eq!(az.json("group list", &[]), serde_json::json!([]));
    let other = format!("/subscriptions/{}/", ids::OTHER_SUBSCRIPTION);
    assert!(stage.since(mark).iter().any(|entry| entry.target.starts_with(&other)));
}

#[test]
fn az_gets_one_context_for_the_cluster_and_the_keys_of_an_account() {
    let stage = Stage::new().unwrap().hosting(&[GUEST]);
    let az = Az::signed_in(&stage, "everything");
    let file = stage.folder().join("kubeconfig-of-az");
    let cluster = ["aks", "get-credentials", "-g", "rg-aks", "-n", "aks-demo", "--file"];
    az.run(&[&cluster[..], &[file.to_str().unwrap()]].concat()).ok();
    let config = std::fs::read_to_string(&file).unwrap();
    assert!(config.contains("current-context: aks-demo\n"), "{config}");
    assert_eq!(config.matches("clusterUser_rg-aks_aks-demo").count(), 2, "{config}");
    let admin = az.run(&[&cluster[..], &[file.to_str().unwrap(), "--admin"]].concat());
    admin.ends(1).says("disable local accounts");
    az.json(
        "storage account create -g rg-backup -n contosokeys -l westeurope --sku Standard_LRS",
        &[],
    );
    let keys = az.json("storage account keys list -g rg-backup -n contosokeys", &[]);
    let endpoint = format!("{}/blob/contosokeys", stage.sandbox.endpoint());
    let create = "storage container create -n keyed --account-name contosokeys --account-key {} --blob-endpoint {}";
    let made = az.json(create, &[keys[0]["value"].as_str().unwrap(), &endpoint]);
    assert_eq!(made["created"], true, "{made}");
}

/// One and the same variable tells both of a cloud: az reads a list of clouds there, which ARM answers in older api-versions.
#[test]
fn az_and_aksbackup_read_the_same_description_of_the_cloud() {
    let stage = Stage::new().unwrap().hosting(&[GUEST]);
    let environment = stage.sandbox.env("platform");
    let (_, address) = environment
        .iter()
        .find(|(name, _)| name == "ARM_CLOUD_METADATA_URL")
        .unwrap();
    let az = Az::new(&stage, "nobody");
    let mut clouds = az.command(&["cloud", "list", "--query", "[].name"]);
    let run = finish(clouds.env("ARM_CLOUD_METADATA_URL", address)).ok();
    assert!(run.stdout.contains("AksBackupSandbox"), "{run}");
    stage.init("platform").ok();
    std::fs::remove_file(stage.state()).unwrap();
    let newer = address.replace("api-version=2020-06-01", "api-version=2022-09-01");
    assert_ne!(&newer, address);
    let mut init = stage.az_command("platform", &aksbackup_tests::harness::INIT);
    finish(init.env("ARM_CLOUD_METADATA_URL", newer)).ok();
}
