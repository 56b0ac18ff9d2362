//! What a rollout depends on, as one short text.

/// A short hash of what the pods of a service account depend on. A new client ID or issuer gives another one, and is
/// then a cause of exactly one rollout. It guards nothing, so that a plain checksum (FNV-1a, 64 bits) is enough; it
/// must stay the same for ever, since it stands in the cluster.
pub(crate) fn cause(client_id: &str, issuer: &str, service_account: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in [client_id.to_ascii_lowercase().as_str(), issuer, service_account] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::cause;

    #[test]
    fn each_part_counts_and_the_value_never_changes() {
        let base = cause("id", "https://i/", "sa");
        assert_eq!(base, cause("ID", "https://i/", "sa"));
        for other in [
            cause("id2", "https://i/", "sa"),
            cause("id", "https://i", "sa"),
            cause("id", "https://i/", "sb"),
        ] {
            assert_ne!(base, other);
        }
        assert_ne!(cause("a", "bc", ""), cause("ab", "c", ""));
    }

    /// The published test vector of FNV-1a: the empty input, here followed by three separators.
    #[test]
    fn it_is_fnv_1a() {
        let zeros = (0..3).fold(0xcbf2_9ce4_8422_2325_u64, |hash, _| {
            hash.wrapping_mul(0x0000_0100_0000_01b3)
        });
        assert_eq!(cause("", "", ""), format!("{zeros:016x}"));
    }
}
