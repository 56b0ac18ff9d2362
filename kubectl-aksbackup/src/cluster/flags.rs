//! kubectl's own connection flags, under their exact names.

use std::path::PathBuf;
use std::time::Duration;

use aksbackup_shared::args::duration;
use clap::Args;

/// Which cluster, as whom: kubectl's flags with kubectl's meanings.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ConnectionFlags {
    /// Kubeconfig file to use instead of KUBECONFIG and ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Name of the kubeconfig context to use
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Name of the kubeconfig cluster to use
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// Name of the kubeconfig user to use
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Namespace of the backup extension [default: dataprotection-microsoft]
    #[arg(long, short = 'n', global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER")]
    pub(crate) impersonate: Option<String>,
    /// Group to impersonate (repeatable)
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub(crate) impersonate_groups: Vec<String>,
    /// UID to impersonate
    #[arg(long = "as-uid", global = true, value_name = "UID")]
    pub(crate) impersonate_uid: Option<String>,
    /// Extra attribute to impersonate (repeatable)
    #[arg(long = "as-user-extra", global = true, value_name = "KEY=VALUE", value_parser = extra)]
    pub(crate) impersonate_extras: Vec<(String, String)>,
    /// Bearer token for authentication
    #[arg(long, global = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Client certificate file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_certificate: Option<String>,
    /// Client key file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_key: Option<String>,
    /// Certificate authority file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) certificate_authority: Option<String>,
    /// Address of the API server
    #[arg(long, short = 's', global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Server name to use when validating the API server's certificate
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// Don't validate the API server's certificate
    #[arg(long, global = true)]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Timeout for a single request, such as 30s; 0 means no timeout
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) request_timeout: Duration,
    /// Request uncompressed responses
    #[arg(long, global = true, hide = true, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) disable_compression: bool,
    /// Accepted for compatibility with kubectl; nothing is cached
    #[arg(long = "cache-dir", global = true, hide = true, value_name = "FOLDER")]
    pub(crate) _cache_dir: Option<PathBuf>,
}

/// `KEY=VALUE`, as kubectl takes extra attributes.
fn extra(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::extra;

    #[test]
    fn an_extra_attribute_is_a_key_and_a_value_that_may_hold_anything() {
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(extra("a.io/b=c=d"), pair("a.io/b", "c=d"));
        assert_eq!(extra("reason="), pair("reason", ""));
        assert!(extra("reason").is_err() && extra("=x").is_err());
    }
}
