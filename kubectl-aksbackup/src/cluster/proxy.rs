//! Which proxy leads to the API server: the kubeconfig's own, else the environment's by the rules that Go programs keep
//! (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` in both cases, loopback never).

use std::net::IpAddr;

/// Reads a variable of the environment in upper case, else in lower case; an empty one counts as unset.
fn variable(environment: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
    set(name).or_else(|| set(&name.to_ascii_lowercase()))
}

/// The proxy for `host` and `port`, as a URL; `None` is the direct way.
pub(crate) fn proxy_for(
    https: bool,
    host: &str,
    port: u16,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<String> {
    let proxy = variable(environment, if https { "HTTPS_PROXY" } else { "HTTP_PROXY" })?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let excepted = variable(environment, "NO_PROXY")
        .is_some_and(|list| list.split(',').any(|entry| covers(entry.trim(), &host, port)));
    if loopback || excepted {
        return None;
    }
    Some(if proxy.contains("://") {
        proxy
    } else {
        format!("http://{proxy}")
    })
}

/// Whether one entry of `NO_PROXY` covers a host. An empty entry covers nothing.
fn covers(entry: &str, host: &str, port: u16) -> bool {
    let entry = entry.to_ascii_lowercase();
    if entry.is_empty() {
        return false;
    }
    if entry == "*" {
        return true;
    }
    if let (Some((network, bits)), Ok(address)) = (entry.split_once('/'), host.parse::<IpAddr>()) {
        return within(address, network, bits);
    }
    let (name, own_port) = match entry.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') => match digits.parse::<u16>() {
            Ok(own) => (name.to_owned(), Some(own)),
            Err(_) => (entry, None),
        },
        Some(_) | None => (entry, None),
    };
    if own_port.is_some_and(|own| own != port) {
        return false;
    }
    let name = name.trim_start_matches('*');
    match name.strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// Whether an address lies in the network `network/bits`.
fn within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V4(_) | IpAddr::V6(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(host: &str, exceptions: &str) -> Option<String> {
        let environment = |name: &str| match name {
            "HTTPS_PROXY" => Some("proxy.corp:3128".to_owned()),
            "no_proxy" => Some(exceptions.to_owned()),
            _ => None,
        };
        proxy_for(true, host, 443, &environment)
    }

    #[test]
    fn the_environment_s_proxy_leads_to_the_server_unless_excepted() {
        let through = Some("http://proxy.corp:3128".to_owned());
        assert_eq!(proxy("a.azmk8s.io", ""), through);
        assert_eq!(proxy("a.azmk8s.io", "other.io,"), through);
        assert_eq!(proxy("a.azmk8s.io", ".azmk8s.io,"), None);
        assert_eq!(proxy("a.azmk8s.io", "azmk8s.io"), None);
        assert_eq!(proxy("xazmk8s.io", "azmk8s.io"), through);
        assert_eq!(proxy("a.azmk8s.io", "a.azmk8s.io:443"), None);
        assert_eq!(proxy("a.azmk8s.io", "a.azmk8s.io:8443"), through);
        assert_eq!(proxy("a.azmk8s.io", "*"), None);
        assert_eq!(proxy("10.1.2.3", "10.0.0.0/8"), None);
        assert_eq!(proxy("11.1.2.3", "10.0.0.0/8"), through);
        assert_eq!(
            proxy("a.azmk8s.io", "proxy.corp"),
            through,
            "the proxy's own name excepts nothing"
        );
    }

    #[test]
    fn loopback_is_never_reached_through_a_proxy() {
        assert_eq!(proxy("127.0.0.1", ""), None);
        assert_eq!(proxy("localhost", ""), None);
        assert_eq!(proxy("[::1]", ""), None);
    }

    #[test]
    fn plain_http_has_its_own_variable() {
        let environment = |name: &str| (name == "HTTPS_PROXY").then(|| "http://p".to_owned());
        assert_eq!(proxy_for(false, "a", 80, &environment), None);
    }
}
