//! Where the programs of the control plane come from: `KUBEBUILDER_ASSETS`, or Go modules built once into a cache.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use ring::digest::{Context, SHA256};

/// Version that the control plane is built as; the modules pin the same one.
const KUBERNETES: &str = "v1.36.3";

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const WEBHOOK: &str = "webhook";

/// The programs that a bed runs.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// etcd.
    pub etcd: PathBuf,
    /// kube-apiserver.
    pub api_server: PathBuf,
    /// kube-controller-manager.
    pub controller_manager: PathBuf,
    /// The handler of azure-workload-identity's webhook, served by a main function of ours.
    pub webhook: PathBuf,
    /// kubectl; what PATH has, else built.
    pub kubectl: PathBuf,
}

impl Binaries {
    /// Takes each program from `KUBEBUILDER_ASSETS` where it is there. The others are built with Go, once for each
    /// state of their module in `tests/bed`, into `${XDG_CACHE_HOME:-~/.cache}/aksbackup/bed`; who comes second waits for the first.
    ///
    /// # Errors
    /// There is no Go, or a module cannot be had or built; the text holds what Go said.
    pub fn find() -> io::Result<Self> {
        let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let given = |name: &str| {
            assets
                .as_ref()
                .map(|folder| folder.join(name))
                .filter(|path| path.is_file())
        };
        let kubectl = given("kubectl").or_else(|| on_path("kubectl"));
        let mut wanted: Vec<&str> = [ETCD, API_SERVER, CONTROLLER_MANAGER]
            .into_iter()
            .filter(|name| given(name).is_none())
            .collect();
        if kubectl.is_none() {
            wanted.push("kubectl");
        }
        let built = folder_with("control-plane", &wanted)?;
        let path = |name: &str| given(name).unwrap_or_else(|| built.join(name));
        Ok(Self {
            etcd: path(ETCD),
            api_server: path(API_SERVER),
            controller_manager: path(CONTROLLER_MANAGER),
            webhook: folder_with("webhook", &[WEBHOOK])?.join(WEBHOOK),
            kubectl: kubectl.unwrap_or_else(|| built.join("kubectl")),
        })
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The folder below which beds keep what outlives them.
///
/// # Errors
/// There is no home.
pub(crate) fn cache() -> io::Result<PathBuf> {
    let own = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let base = own.map(PathBuf::from).or_else(home);
    let base = base.ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is set"))?;
    let folder = base.join("aksbackup").join("bed");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The folder that holds the `wanted` programs of a module of `tests/bed`, built where one is missing.
fn folder_with(module: &str, wanted: &[&str]) -> io::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bed").join(module);
    let folder = cache()?.join(fingerprint(&source)?);
    fs::create_dir_all(&folder)?;
    let missing = |name: &&&str| !folder.join(name).is_file();
    if wanted.iter().any(|name| missing(&name)) {
        let lock = File::create(folder.join(".lock"))?;
        lock.lock()?;
        for name in wanted.iter().filter(missing) {
            build(&source, name, &folder)?;
        }
    }
    Ok(folder)
}

/// Builds one program of a module; it appears under its name when it is whole.
fn build(source: &Path, name: &str, folder: &Path) -> io::Result<()> {
    let package = match name {
        WEBHOOK => ".".to_owned(),
        ETCD => "go.etcd.io/etcd/server/v3".to_owned(),
        other => format!("k8s.io/kubernetes/cmd/{other}"),
    };
    let unfinished = folder.join(format!(".{name}"));
    let output = Command::new("go")
        .arg("-C")
        .arg(source)
        .args([
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-mod=readonly",
            "-ldflags",
            &linker_flags(),
            "-o",
        ])
        .arg(&unfinished)
        .arg(package)
        .env("GOWORK", "off")
        .env("GOFLAGS", OsString::new())
        .output()
        .map_err(|error| io::Error::other(format!("{name} cannot be built, because go does not run: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("go could not build {name}:\n{said}")));
    }
    fs::rename(unfinished, folder.join(name))
}

/// A build from modules does not know its version; what depends on it (the webhook does) reads it from here.
fn linker_flags() -> String {
    let mut numbers = KUBERNETES.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let version = |package: &str| {
        format!(
            " -X {package}.gitVersion={KUBERNETES} -X {package}.gitMajor={major} -X {package}.gitMinor={minor} \
             -X {package}.gitTreeState=clean"
        )
    };
    format!(
        "-s -w{}{}",
        version("k8s.io/component-base/version"),
        version("k8s.io/client-go/pkg/version")
    )
}

/// Names the state of everything that the build reads from here.
fn fingerprint(source: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    collect(source, &mut files)?;
    files.sort();
    let mut context = Context::new(&SHA256);
    context.update(linker_flags().as_bytes());
    for file in files {
        let name = file.strip_prefix(source).unwrap_or(&file).display().to_string();
        context.update(name.as_bytes());
        context.update(&fs::read(&file)?);
    }
    let digest = context.finish();
    Ok(digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
