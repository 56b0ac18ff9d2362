//! Amounts as Kubernetes writes them: `500m`, `2`, `1280Mi`, `1e3` (its reference of the type Quantity).

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// An amount in thousandths, as processors are counted. Zero for what is no amount.
pub(crate) fn millis(quantity: &Quantity) -> i128 {
    scaled(&quantity.0, 1000.0)
}

/// An amount in ones, as bytes and objects are counted. Zero for what is no amount.
pub(crate) fn bytes(quantity: &Quantity) -> i128 {
    scaled(&quantity.0, 1.0)
}

/// Bytes as people read them, such as `120 GiB` or `1.5 TiB`.
pub(crate) fn told(bytes: i128) -> String {
    const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, shift)) = UNITS.into_iter().find(|(_, shift)| bytes >= 1 << shift) else {
        return format!("{bytes} bytes");
    };
    // Rounded to a tenth, which whole numbers don't have.
    let tenths = ((bytes * 10 + (1 << (shift - 1))) >> shift).max(10);
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        tenth => format!("{}.{tenth} {unit}", tenths / 10),
    }
}

/// Whether the quota that refused a pod, in the API server's words, leaves room for it once a pod like it is gone: nothing of it is used beyond
/// its bounds. `exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3`.
pub(crate) fn has_room_in_place(refusal: &str) -> bool {
    let amounts = |text: &str| -> Vec<(String, i128)> {
        let pairs = text.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs
            .map(|(name, amount)| (name.to_owned(), millis(&Quantity(amount.to_owned()))))
            .collect()
    };
    let Some((used, limited)) = refusal
        .split_once(", used: ")
        .and_then(|(_, rest)| rest.split_once(", limited: "))
    else {
        return false;
    };
    let (used, limited) = (amounts(used), amounts(limited.split(';').next().unwrap_or_default()));
    let within = |(name, used): &(String, i128)| limited.iter().any(|(own, most)| own == name && used <= most);
    !used.is_empty() && used.iter().all(within)
}

/// Good to the 15 digits of a floating point number, which no comparison here comes near.
fn scaled(text: &str, unit: f64) -> i128 {
    const SUFFIXES: [(&str, f64); 14] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let split = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = split.unwrap_or((text, 1.0));
    let number = number.trim().parse::<f64>().unwrap_or_default();
    format!("{:.0}", number * factor * unit).parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(text: &str) -> Quantity {
        Quantity(text.into())
    }

    #[test]
    fn amounts_are_read_as_kubernetes_writes_them() {
        assert_eq!(millis(&quantity("500m")), 500);
        assert_eq!(millis(&quantity("3.92")), 3920);
        assert_eq!(millis(&quantity("2")), 2000);
        assert_eq!(bytes(&quantity("16393216Ki")), 16_393_216 * 1024);
        assert_eq!(bytes(&quantity("128M")), 128_000_000);
        assert_eq!(bytes(&quantity("1e3")), 1000);
        assert_eq!(bytes(&quantity("none")), 0);
    }

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_they_fill() {
        let told = |text: &str| told(bytes(&quantity(text)));
        assert_eq!((told("120Gi"), told("1536Gi")), ("120 GiB".into(), "1.5 TiB".into()));
        assert_eq!((told("1Ti"), told("100M")), ("1 TiB".into(), "95.4 MiB".into()));
        assert_eq!((told("10"), told("0")), ("10 bytes".into(), "0 bytes".into()));
    }

    #[test]
    fn a_full_quota_has_room_for_a_pod_in_another_s_place_and_one_that_shrank_has_not() {
        let refusal = |used: &str| {
            has_room_in_place(&format!(
                "pods \"a\" is forbidden: exceeded quota: q, requested: cpu=500m,pods=1, used: {used}, limited: cpu=2,pods=3"
            ))
        };
        assert!(refusal("cpu=2,pods=3"));
        assert!(!refusal("cpu=2,pods=4") && !refusal("cpu=2500m,pods=3") && !refusal("other=1"));
        assert!(!has_room_in_place(
            "pods \"a\" is forbidden: failed quota: q: must specify cpu"
        ));
    }
}
