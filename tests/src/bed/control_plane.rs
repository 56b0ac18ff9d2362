//! etcd, kube-apiserver and kube-controller-manager: files, start, restart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rcgen::KeyPair;

use super::api::{Api, kubeconfig};
use super::binaries::Binaries;
use super::people::{self, OwnTokens};
use super::places::Place;
use super::process::Process;
use super::{audit, flags, webhook};
use crate::kubernetes::Settings;
use crate::tls::Authority;

/// How long a program may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running programs. They end with it.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    controllers: Option<Process>,
    api_server: Option<Process>,
    etcd: Process,
    binaries: Binaries,
    folder: PathBuf,
    place: Place,
    issuers: Vec<String>,
}

/// Writes everything that the programs read.
pub(crate) fn write_files(
    folder: &Path,
    authority: &Authority,
    tokens: &OwnTokens,
    settings: &Settings,
    server: &str,
) -> io::Result<()> {
    fs::create_dir_all(folder.join("webhook"))?;
    let (certificate, key) = authority.issue(&[])?;
    fs::write(folder.join("server.pem"), certificate)?;
    fs::write(folder.join("server.key"), key)?;
    let (certificate, key) = authority.issue(&[webhook::HOST])?;
    fs::write(folder.join("webhook").join("tls.crt"), certificate)?;
    fs::write(folder.join("webhook").join("tls.key"), key)?;
    let signing = KeyPair::generate().map_err(io::Error::other)?;
    fs::write(folder.join("signing.key"), signing.serialize_pem())?;
    fs::write(folder.join("signing.pub"), signing.public_key_pem())?;
    fs::write(folder.join("ca.pem"), authority.pem())?;
    let user = webhook::user();
    fs::write(
        folder.join("tokens.csv"),
        people::tokens(tokens, &user, &settings.personas),
    )?;
    fs::write(folder.join("audit-policy.json"), audit::policy(&[&user]).to_string())?;
    let controllers = kubeconfig(server, authority.pem(), &tokens.controllers);
    fs::write(folder.join("controllers.kubeconfig"), controllers)
}

impl ControlPlane {
    /// Starts all three; the API server signs with the first of `issuers`.
    ///
    /// # Errors
    /// A program cannot be started.
    pub(crate) fn start(binaries: Binaries, folder: &Path, place: Place, issuers: Vec<String>) -> io::Result<Self> {
        let etcd = Process::start("etcd", &binaries.etcd, &flags::etcd(&place, folder), &[], folder)?;
        let mut plane = Self {
            controllers: None,
            api_server: None,
            etcd,
            binaries,
            folder: folder.to_owned(),
            place,
            issuers,
        };
        plane.start_api_server()?;
        plane.start_controllers()?;
        Ok(plane)
    }

    fn start_api_server(&mut self) -> io::Result<()> {
        let flags = flags::api_server(&self.place, &self.folder, &self.issuers);
        let program = &self.binaries.api_server;
        self.api_server = Some(Process::start("kube-apiserver", program, &flags, &[], &self.folder)?);
        Ok(())
    }

    fn start_controllers(&mut self) -> io::Result<()> {
        let flags = flags::controller_manager(&self.place, &self.folder);
        let program = &self.binaries.controller_manager;
        self.controllers = Some(Process::start(
            "kube-controller-manager",
            program,
            &flags,
            &[],
            &self.folder,
        )?);
        Ok(())
    }

    /// Waits until the API server is ready.
    ///
    /// # Errors
    /// A program has ended, or the time is over; the text holds the last lines of its log.
    pub(crate) async fn ready(&mut self, api: &Api) -> io::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if api.ready().await {
                return Ok(());
            }
            let mut running = [Some(&mut self.etcd), self.api_server.as_mut()].into_iter().flatten();
            if let Some(ended) = running.find_map(Process::ended) {
                return Err(io::Error::other(ended));
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let place = self.folder.display();
        Err(io::Error::other(format!(
            "the API server is not ready; its log is in {place}"
        )))
    }

    /// The issuer that tokens carry.
    pub(crate) fn issuer(&self) -> &str {
        self.issuers.first().map(String::as_str).unwrap_or_default()
    }

    /// Starts the API server anew, and the controllers with it, which would otherwise hesitate for long. Tokens of the
    /// former issuers stay good for the API server itself.
    ///
    /// # Errors
    /// As [`ControlPlane::start`] and [`ControlPlane::ready`].
    pub(crate) async fn restart(&mut self, api: &Api, issuer: Option<String>) -> io::Result<()> {
        if let Some(issuer) = issuer {
            self.issuers.retain(|own| *own != issuer);
            self.issuers.insert(0, issuer);
        }
        self.controllers = None;
        self.api_server = None;
        self.start_api_server()?;
        self.ready(api).await?;
        self.start_controllers()
    }

    /// Ends all three.
    pub(crate) fn stop(&mut self) {
        self.controllers = None;
        self.api_server = None;
        self.etcd.stop();
    }
}
